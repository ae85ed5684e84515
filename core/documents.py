"""Typed JSON files: a `Document` validates, reads and writes one file.

A file of a later format is refused. A field that an older version did not write has the default of
the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from core import storage
from core.errors import BlastLensError, RunError

# Metadata of a dataclass field in whose place JSON has the fields of its value.
INLINE = {"inline": True}
_SHOWN = 60  # characters of a wrong value that a message shows


def to_json(value: Any) -> Any:
    """Returns a value as JSON has it: documents and dataclasses, at any depth, as dicts."""
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(to_json, value))
    if hasattr(value, "to_json"):
        return value.to_json()
    if not is_dataclass(value):
        return value
    document: dict[str, Any] = {}
    for field in fields(value):
        item = to_json(getattr(value, field.name))
        document |= (item or {}) if field.metadata.get("inline") else {field.name: item}
    return document


@dataclass(frozen=True)
class Choices:
    """The values that a text field can have, as `Annotated[str, Choices(...)]`."""

    values: tuple[str, ...]

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema by which pydantic validates the field."""
        return core_schema.literal_schema(list(self.values))


def _short(value: object) -> str:
    return str(value)[:_SHOWN]


class Section(BaseModel):
    """A part of a document. Frozen; numbers are finite; unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, serialize_by_alias=True)

    # Whether fields that were never set are left out of the JSON.
    SPARSE: ClassVar[bool] = False

    @classmethod
    def parse(cls, values: Any, error: type[BlastLensError] = RunError) -> Self:
        """Validates `values`, a mapping of the fields.

        Raises `error` with the first invalid value and its rule.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as problem:
            raise error(cls._sentence(problem)) from None

    def replace(self, **values: Any) -> Self:
        """Returns a validated copy with some fields replaced. Raises as `parse` does."""
        return self.parse({**self._values(), **values})

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return self.model_dump(mode="json", exclude_unset=self.SPARSE)

    @classmethod
    def bounds(cls, field: str) -> tuple[Any, Any]:
        """Returns the smallest and largest value of a numeric field; None without a limit."""
        limits = cls.model_fields[field].metadata
        low = next((limit.ge for limit in limits if hasattr(limit, "ge")), None)
        return low, next((limit.le for limit in limits if hasattr(limit, "le")), None)

    @classmethod
    def choices_of(cls, field: str) -> tuple[str, ...]:
        """Returns the allowed values of a text field; () if there is no restriction."""
        info = cls.model_fields[field]
        # That of a field that can be None stands within its annotation.
        parts = (getattr(kind, "__metadata__", ()) for kind in get_args(info.annotation))
        metadata = chain(info.metadata, *parts)
        return next((item.values for item in metadata if isinstance(item, Choices)), ())

    def _values(self) -> dict[str, Any]:
        return {name: value for name, value in self if name in self.model_fields_set}

    @classmethod
    def _sentence(cls, problem: ValidationError) -> str:
        first = problem.errors(include_url=False)[0]
        kind, place = first["type"], first["loc"]
        name, value = ".".join(map(_short, place)), _short(repr(first["input"]))
        if kind == "missing":
            return f"{name} is missing."
        if kind == "extra_forbidden":
            known = ", ".join(cls.model_fields)
            return f"There is no setting {_short(repr(place[-1]))}; there are {known}."
        if kind == "value_error":
            return f"{name or 'it'} is {value}: {first['ctx']['error']}."
        if kind in ("model_type", "model_attributes_type"):
            return f"{name or 'it'} is {value}; it must be an object."
        return f"{name} is {value}; {cls._rule(place, kind, first['msg'])}."

    @classmethod
    def _rule(cls, place: tuple[int | str, ...], kind: str, message: str) -> str:
        field = place[0] if len(place) == 1 else None
        if field in cls.model_fields:
            if choices := cls.choices_of(str(field)):
                return f"it can be {', '.join(choices)}"
            low, high = cls.bounds(str(field))
            if low is not None and high is not None:
                noun = {"int": "be a whole number", "float": "be a number"}.get(kind.split("_")[0])
                return f"it must {noun or 'lie'} between {low} and {high}"
        return message.partition(",")[0].replace("Input should be", "it must be")


class Document(Section):
    """A JSON file of its own."""

    # The format of the files that are written; a file without a format has format 1.
    FORMAT: ClassVar[int] = 1
    MOST_BYTES: ClassVar[int] = 4 * 2**20

    @classmethod
    def read(cls, path: Path, error: type[BlastLensError] = RunError) -> Self:
        """Reads a file.

        Raises `error`, with the file and its folder, if it is missing, damaged or of another
        version.
        """
        name, folder = path.name, path.parent.name
        try:
            document = storage.read_json(path, cls.MOST_BYTES)
        except FileNotFoundError:
            raise error(f"{folder} has no {name}: the folder is broken, or another one.") from None
        except ValueError as problem:
            raise error(f"{name} of {folder} is damaged ({str(problem)[:200]}).") from None
        try:
            return cls.parse(cls._known(document), error)
        except BlastLensError as problem:
            raise error(f"{name} of {folder} is damaged or of another version: {problem}") from None

    def write(self, path: Path) -> None:
        """Writes the file atomically."""
        storage.write_json(path, self.stored())

    def encoded(self) -> bytes:
        """Returns the content of the file."""
        return storage.encoded(self.stored())

    def stored(self) -> Any:
        """Returns the JSON document of the file."""
        return {"format": self.FORMAT, **self.to_json()}

    @classmethod
    def _known(cls, document: Any) -> Any:
        """The document without its format. Raises `RunError` if the format is a later one."""
        if not isinstance(document, Mapping):
            return document
        version = document.get("format", 1)
        if not isinstance(version, int) or not 1 <= version <= cls.FORMAT:
            raise RunError(
                f"format is {_short(repr(version))}; this BlastLens reads 1 to {cls.FORMAT}. "
                "Update BlastLens."
            )
        return {key: value for key, value in document.items() if key != "format"}
