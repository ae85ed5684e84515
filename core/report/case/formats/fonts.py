"""The fonts of the PDF: DejaVu Sans where the machine has it, else the one ReportLab comes with."""

import unicodedata
from functools import cache
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

PLAIN, BOLD = "BlastLens", "BlastLens-Bold"
# Of DejaVu, and of Bitstream Vera, which lacks all but Western letters.
FILES = (("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"), ("Vera.ttf", "VeraBd.ttf"))


@cache
def register() -> frozenset[int]:
    """Makes the fonts `PLAIN` and `BOLD` known to ReportLab; returns the characters of both."""
    preferred, supplied = FILES
    try:
        return _register(*preferred)
    except TTFError:  # not on this machine
        return _register(*supplied)


def _register(plain: str, bold: str) -> frozenset[int]:
    fonts = TTFont(PLAIN, plain), TTFont(BOLD, bold)
    for font in fonts:
        pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
    return frozenset(fonts[0].face.charToGlyph) & frozenset(fonts[1].face.charToGlyph)


def markup(text: str) -> str:
    """A text for a paragraph of ReportLab, in which nothing is markup; see `legible`."""
    return escape(legible(text))


def legible(text: str) -> str:
    """A text in which each character that would be shown wrongly is its code, such as \\u05d0.

    These are characters that the fonts lack, and those written from right to left, which ReportLab
    does not order.
    """
    characters = register()
    return "".join(
        character
        if ord(character) in characters
        and character.isprintable()
        and unicodedata.bidirectional(character) not in ("R", "AL")
        else character.encode("ascii", "backslashreplace").decode()
        if not character.isascii()
        else f"\\x{ord(character):02x}"
        for character in text
    )
