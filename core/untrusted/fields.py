"""Types of the fields of documents: numbers in the ranges that they can have, texts that show.

A document that is read is shown, so a field holds nothing that a page could not show: no time after
the last year, no control character, no mark that turns the direction of what follows.
"""

import re
import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

LAST_INSTANT = 7_258_118_400  # the year 2200; tables count times in ns, which end in 2262
MOST_LINE, MOST_WORDS = 1000, 20_000

Instant = Annotated[float, Field(ge=0, le=LAST_INSTANT)]  # Unix time
Seconds = Annotated[float, Field(ge=0, le=1e15)]
Count = Annotated[int, Field(ge=0, le=10**15)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=1e15)]

# Marks of direction and other characters that no one sees, but for joiners, which scripts need.
_UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
_HIDDEN = ("Cc", "Cs", "Cn")
# Names of devices of Windows, with any ending; a file of such a name cannot be made there.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\..*)?", re.IGNORECASE)


def _hidden(character: str) -> bool:
    if character < "\x7f":
        return character < " "
    return bool(_UNSEEN.match(character)) or unicodedata.category(character) in _HIDDEN


def is_line(text: str) -> bool:
    """Whether a text is one line of characters that all show."""
    return (text.isascii() and text.isprintable()) or not any(map(_hidden, text))


def is_words(text: str) -> bool:
    """Whether a text is lines of characters that all show."""
    return is_line(re.sub(r"[\t\r\n]", "", text))


def shown(text: str) -> str:
    """A text without the characters that do not show."""
    return "".join(character for character in text if not _hidden(character))


def shown_words(text: str) -> str:
    """Lines of text without the characters that do not show."""
    return "".join(one for one in text if one in "\t\n" or not _hidden(one))


def is_file_name(name: str) -> bool:
    """Whether Windows, too, can hold a folder of that name: it has devices, and no last dot."""
    return not _DEVICE.fullmatch(name) and not name.endswith((".", " "))


def _line(text: str) -> str:
    if not is_line(text):
        raise ValueError("it has a character that does not show, or a second line")
    return text


def _words(text: str) -> str:
    if not is_words(text):
        raise ValueError("it has a character that does not show")
    return text


def _message(text: str) -> str:
    if "\0" in text:
        raise ValueError("it has a null character")
    return text


def _place(text: str) -> str:
    if any(len(part.encode(errors="replace")) > 255 for part in re.split(r"[/\\\\]", text)):
        raise ValueError("a name in it has over 255 bytes")
    return _message(text)


def _require_place(path: Path) -> Path:
    _place(str(path))
    return path


Line = Annotated[str, Field(max_length=MOST_LINE), AfterValidator(_line)]
Words = Annotated[str, Field(max_length=MOST_WORDS), AfterValidator(_words)]
# What may quote a name from a disk, which can have any character but one.
Message = Annotated[str, Field(max_length=MOST_WORDS), AfterValidator(_message)]
# A path or a URL, as some system can hold it.
Place = Annotated[str, Field(max_length=4096), AfterValidator(_place)]
PlacePath = Annotated[Path, AfterValidator(_require_place)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
