"""What is known of a model that was trained elsewhere: adoption.json of its run."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from core.documents import Choices, Document, Section
from core.models.inputs import CHANNELS, SCALINGS, InputContract
from core.untrusted.fields import Amount, Count, Instant, Line, Message, Share, Words

MAX_WORDS = 2000
ACTIVATIONS = ("sigmoid", "softmax", "none")
MAY_HAVE_SEEN = "it may have trained on these patients"
_Output = Annotated[int, Field(ge=0, le=999)]
_Pixels = Annotated[str, Choices(tuple(SCALINGS))]
_Channels = Annotated[str, Choices(CHANNELS)]


@dataclass(frozen=True)
class ModelForm:
    """A form of model files: its title, and the name that a copy must have."""

    title: str
    copy: str


FORMS = {
    "keras": ModelForm("Keras file", "original.keras"),
    "h5": ModelForm("Keras file of the older format", "original.h5"),
    "saved-model": ModelForm("SavedModel", "original"),
    "onnx": ModelForm("ONNX file", "original.onnx"),
    "openvino": ModelForm("OpenVINO graph", "original.xml"),
}


class Converted(Section):
    """What was found as a model file was converted to an OpenVINO graph; None where not known.

    difference: the largest between the outputs of file and graph, in log-odds where they are
    probabilities.
    """

    difference: Amount | None = None
    parameters: Count | None = None
    tensorflow: Line | None = None
    keras: Line | None = None


class Wanted(Section):
    """What the user says of a model; None where BlastLens is to find it out.

    size: pixels a side, where the model takes any. pixels and channels: see `InputContract`.
    positive and negative: the outputs that mean ALL and HEM, counted from 0. Of one output, 1 is
    its upper end and 0 its lower; of several, those not named are negative.
    """

    size: Annotated[int | None, Field(ge=8, le=1024)] = None
    pixels: _Pixels | None = None
    channels: _Channels | None = None
    positive: tuple[_Output, ...] | None = None
    negative: tuple[_Output, ...] | None = None

    @field_validator("positive", "negative", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(value.split(",")) if value.strip() else None


class ContractTrial(Section):
    """How well a model ranks labelled cells if it is fed and read in one way.

    roc_auc: of the blasts among the cells; balanced_accuracy: at even odds.
    """

    pixels: _Pixels
    channels: _Channels
    positive: tuple[_Output, ...]
    negative: tuple[_Output, ...]
    roc_auc: Share | None
    balanced_accuracy: Share | None
    cross_entropy: Amount

    @property
    def contract(self) -> InputContract:
        """How the pixels are fed."""
        return InputContract(self.pixels, self.channels)


class Adoption(Document):
    """adoption.json.

    file: the name of the model file, form: a key of `FORMS`, sha256: of its
    content. wanted: what the user said. The rest is found: chosen, one of `trials` on so many
    `cells`; outputs and activation, one of `ACTIVATIONS`, of the network; no_map: why there
    is no heat map, "" where there is.

    statement: the user's words on what it was trained on, which say that the patients of its data
    set were not among it; None as long as nobody has said so. stated: Unix time of that.
    """

    SPARSE: ClassVar[bool] = True

    file: Line
    form: Annotated[str, Choices(tuple(FORMS))]
    sha256: Line
    wanted: Wanted = Wanted()
    chosen: ContractTrial | None = None
    trials: Annotated[tuple[ContractTrial, ...], Field(max_length=1000)] = ()
    cells: Count = 0
    outputs: Annotated[int, Field(ge=1, le=1000)] | None = None
    activation: Annotated[str, Choices(ACTIVATIONS)] | None = None
    no_map: Message = ""
    statement: Annotated[Words, Field(min_length=1, max_length=MAX_WORDS)] | None = None
    stated: Instant | None = None
