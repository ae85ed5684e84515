"""The fields of a model card that users fill in, and their texts in card.json of a run."""

from dataclasses import dataclass

from core import locks
from core.errors import ConfigError, RunError
from core.runs.card_texts import CardTexts
from core.runs.run_store import Run

MAX_CHARACTERS = 4000


@dataclass(frozen=True)
class CardField:
    """A field of the card: its label, and what is missing without its text."""

    label: str
    lack: str


FIELDS = {
    "purpose": CardField(
        "Purpose of this model", "what question it was trained to answer, for whom"
    ),
    "users": CardField("Intended users and setting", "who is to use it, and where in their work"),
    "source": CardField("Source of the images", "where, when and from whom they were collected"),
    "eligibility": CardField("Who was included", "inclusion and exclusion criteria"),
    "acquisition": CardField("Staining and imaging", "stain, microscope, camera and magnification"),
    "reference": CardField("Reference standard", "who gave the labels, how, and how reliably"),
    "demographics": CardField(
        "Patients", "age, sex, ethnicity and disease subtype of the subjects"
    ),
    "fairness": CardField("Fairness", "how it performs by age, sex and ethnicity"),
    "sample_size": CardField("Sample size", "why so many images and subjects were enough"),
    "limitations": CardField("Known limits", "limits that its users have found"),
    "ethics": CardField(
        "Ethics and consent", "the approval and consent under which data were used"
    ),
    "citation": CardField("Licence and citation of the data", "how the data may be used and cited"),
    "funding": CardField("Funding and interests", "who paid for the work, and competing interests"),
    "contact": CardField("Contact", "who answers questions about this model"),
}


def read(run: Run) -> dict[str, str]:
    """Returns the user's texts by field. Raises `RunError` if card.json is damaged."""
    file = run.path / "card.json"
    if not file.exists():
        return {}
    try:
        return CardTexts.read(file).filled
    except RunError:
        raise RunError(
            f"card.json of run {run.run_id} is damaged. Delete it and write the texts again."
        ) from None


def write(run: Run, field: str, text: str) -> None:
    """Stores the text of a field, atomically; an empty text removes the field.

    Raises `ConfigError` if the field is unknown or the text is too long.
    """
    if field not in FIELDS:
        raise ConfigError(f"field is {field!r}; it can be {', '.join(FIELDS)}.")
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"The text has {len(text):,} characters; {MAX_CHARACTERS:,} are the most. Shorten it."
        )
    file = run.path / "card.json"
    with locks.lock(file):
        texts = CardTexts.parse(read(run) | {field: text})
        CardTexts.parse(texts.filled).write(file)
