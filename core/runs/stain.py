"""The colours of a run's training cells, stain.json: what a classifier's cells are brought to.

`core.evaluation.staining` fits and measures it. A run of an older version has no such file: its
cells were not normalised, and cells of another stain cannot be adapted to them.
"""

from pathlib import Path
from typing import Annotated, ClassVar

from core.cells.staining import METHODS, Densities, Macenko, Normaliser, Reinhard
from core.documents import Choices, Document, Section
from core.errors import RunError
from core.runs.config import RunConfig
from core.untrusted.fields import Amount, Count


class AdaptationCost(Section):
    """How far the logit moves when a cell of another stain is adapted to the training cells.

    change: the root mean square change, over groups of subjects of the validation part. cells,
    groups, stains: how many validation cells, of how many groups, were re-coloured into how many
    stains. See `core.evaluation.staining`.
    """

    change: Amount
    cells: Count
    groups: Count
    stains: Count


class Stain(Document):
    """The colours of the training cells.

    colours: to which a cell of another stain is adapted if a person asks for it. normalisation: one
    of `METHODS`, applied to every cell before the network sees it. reinhard, macenko: the colours
    it brings cells to; None for the other method. cells, groups: how many training cells, of
    how many groups of subjects, they are of. adaptation: None if it was not measured.
    """

    SPARSE: ClassVar[bool] = True

    normalisation: Annotated[str, Choices(METHODS)] = "none"
    colours: Densities
    reinhard: Reinhard | None = None
    macenko: Macenko | None = None
    cells: Count
    groups: Count
    adaptation: AdaptationCost | None = None

    @property
    def normaliser(self) -> Normaliser | None:
        """What brings a cell to these colours before the network sees it; None if nothing does."""
        return None if self.normalisation == "none" else getattr(self, self.normalisation)


def kept(file: Path, config: RunConfig) -> Stain | None:
    """The colours that a run keeps in a file; None if it is a control or of an older version.

    Raises `RunError` if its cells are normalised, and the file is missing or of another method.
    """
    if config.is_control:
        return None
    stain = Stain.read(file) if file.exists() else None
    asked, found = config.stain_normalisation, stain.normalisation if stain else "none"
    if asked != found:
        raise RunError(
            f"config.json of {file.parent.name} normalises stain by {asked!r}, and {file.name} by "
            f"{found!r}: the folder is damaged. Train the run again."
        )
    return stain
