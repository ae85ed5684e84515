"""What a user says of a data set's labels, and the label that each class gets by it."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field, field_validator

from core.data.layouts.layout import LABELS
from core.documents import Choices, Section
from core.errors import ConfigError, DataError
from core.untrusted.fields import Message, Place

ROLES = ("file", "class", "subject", "part")
# The encodings of a table that is text, as Python calls them, and in words.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "windows-1252": "Windows-1252 (Western Europe)",
    "windows-1250": "Windows-1250 (Central Europe)",
    "windows-1251": "Windows-1251 (Cyrillic)",
    "macintosh": "Mac OS Roman",
}
# Of a text that is not Unicode; digits and ASCII letters are the same in all of these.
ASSUMED = "windows-1252"


class Labelling(Section):
    """How the images of a data set get class, subject and part, and which classes are positive.

    positive, negative: the classes that count as ALL (1) and as HEM (0); all others are left out.
    table: the file of a table of labels, absolute or below the data set's folder; columns: its
    columns by role (`ROLES`), where they are not recognised by name; encoding: that of its text, a
    key of `ENCODINGS`, recognised by default. pattern: a regular expression
    over paths with groups named class, subject or part, or a name of
    `core.data.layouts.patterns.PRESETS`. class_folder and subject_folder: the folders that name
    class and subject, 1 for the first below the data set's folder. A fact is taken from the table,
    else from the pattern, else from the folders. Fields that are not set are recognised.
    """

    positive: tuple[Message, ...] = ()
    negative: tuple[Message, ...] = ()
    table: Place | None = None
    columns: dict[Message, Message] = Field(default_factory=dict)
    encoding: Annotated[str, Choices(tuple(ENCODINGS))] | None = None
    pattern: Message | None = None
    class_folder: Annotated[int, Field(ge=1, le=30)] | None = None
    subject_folder: Annotated[int, Field(ge=1, le=30)] | None = None

    @field_validator("columns")
    @classmethod
    def _known_roles(cls, columns: dict[str, str]) -> dict[str, str]:
        for role in columns:
            if role not in ROLES:
                raise ConfigError(f"columns has {role!r}; a column can give {', '.join(ROLES)}.")
        return columns

    @property
    def says_where(self) -> bool:
        """Whether it says where classes come from, and not only which are positive."""
        return bool(
            self.table or self.pattern or self.class_folder or self.columns or self.encoding
        )


def from_texts(**said: Any) -> Labelling:
    """A labelling from texts, as a command line has them; None is not said.

    Names of classes stand between commas ("Early, Pre"), columns as "file=Image, class=Diagnosis".
    Raises `ConfigError` if a value is of another form.
    """
    values = {name: value for name, value in said.items() if value is not None}
    for name in ("positive", "negative"):
        if name in values:
            values[name] = _names(values[name])
    if "columns" in values:
        items = [item.partition("=") for item in _names(values["columns"])]
        if not all(role.strip() and column.strip() for role, _, column in items):
            raise ConfigError(
                f"columns is {values['columns']!r}; write ROLE=COLUMN, with commas between, for "
                f"the roles {', '.join(ROLES)}."
            )
        values["columns"] = {role.strip(): column.strip() for role, _, column in items}
    return Labelling.parse(values, ConfigError)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def label_classes(
    classes: Iterable[str], labelling: Labelling, known: dict[str, int] | None = None
) -> dict[str, int | None] | None:
    """Returns the label of each class, None for one that is left out.

    Without a word of the user, the labels are those `known` of the publisher, or of two classes
    called ALL and HEM. Of two classes, one that is named says the other; of more, at least one has
    to be positive and one negative. Returns None if the labels are not known. Raises `DataError`
    if a name is not a class, or is both positive and negative.
    """
    classes = list(classes)
    positive, negative = set(labelling.positive), set(labelling.negative)
    for name in sorted((positive | negative) - set(classes)):
        raise DataError(f"There is no class {name!r}; there are {', '.join(classes)}.")
    for name in sorted(positive & negative):
        raise DataError(
            f"The class {name!r} is named as positive and as negative; it can be one of them. "
            "Name it once."
        )
    if not (positive or negative):
        known = known or LABELS
        if {name.upper() for name in classes} != set(known):
            return None
        return {name: known[name.upper()] for name in classes}
    rest = set(classes) - positive - negative
    if len(classes) == 2:
        positive, negative = (positive or rest, negative or rest)
    if len(classes) > 1 and not (positive and negative):
        return None
    return {name: 1 if name in positive else 0 if name in negative else None for name in classes}


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts class 2 before class 10."""
    return [
        (int(run), "") if run.isdecimal() else (-1, run.casefold())
        for run in re.split(r"(\d+)", name)
        if run
    ]
