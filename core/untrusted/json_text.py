"""JSON from elsewhere: what JSON does not have is refused, and so is what could not be shown."""

import json
import re
from typing import Any

from pydantic_core import from_json

_HUGE = re.compile(rb"[eE]\+?\d{3}|\d{300}")


def parse(data: bytes) -> Any:
    """The document of a text in UTF-8. Raises `ValueError` if it is not JSON.

    NaN, numbers beyond all floats, halves of characters and more than 200 levels are not JSON.
    """
    document = from_json(data, allow_inf_nan=False)
    if _HUGE.search(data):
        json.dumps(document, allow_nan=False)  # "1e999" became infinite
    return document
