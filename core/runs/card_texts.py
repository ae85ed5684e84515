"""The texts that users write into the model card of a run: card.json."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from core.documents import Document


class CardTexts(Document):
    """card.json: a text of at most 10,000 characters for each field that a user filled in."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=10_000)]]

    def stored(self) -> Any:
        """Has no format, since version 0.1 reads every value of the file as a text."""
        return self.to_json()

    @property
    def filled(self) -> dict[str, str]:
        """The texts by field, stripped; empty ones are left out."""
        texts = {name: text.strip() for name, text in self.to_json().items()}
        return {name: text for name, text in texts.items() if text}
