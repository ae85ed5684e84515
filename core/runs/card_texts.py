"""The texts that people write into a run's model card: card.json, as a type."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from core.documents import Document


class CardTexts(Document):
    """card.json: a text of at most 10,000 characters for each field that a user filled in."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=10_000)]]

    def stored(self) -> Any:
        """Without a format: version 0.1 takes every value in the file for a text."""
        return self.to_json()

    @property
    def filled(self) -> dict[str, str]:
        """The texts by field, stripped; empty ones are left out."""
        texts = {name: text.strip() for name, text in self.to_json().items()}
        return {name: text for name, text in texts.items() if text}
