"""The report of a case as one HTML file that loads nothing, runs nothing and prints on A4."""

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from core.cases.intake import CONTEXT, HEAT
from core.report.case import marks, seal, shown, words
from core.report.case.content import CaseReport

if TYPE_CHECKING:
    from jinja2 import Environment


def to_html(report: CaseReport) -> bytes:
    """Renders a report, sealed; the pictures are the kept files themselves.

    Raises `CaseError` if a kept picture is gone or was changed.
    """
    album = shown.Album(report.id, "PNG")
    page, end = _rendered(report, album).encode().rsplit(b"</body>", 1)
    data = seal.data(report, album.kept)
    return seal.seal(
        page + b'<script type="application/json" id="data">' + data + b"</script>\n</body>" + end
    )


def preview(report: CaseReport, smaller: Mapping[str, str]) -> str:
    """The page of `to_html` to look at: with small copies of its pictures, without data and seal.

    `smaller` has the kept file (SHA-256) of a smaller copy by that of a picture. Raises as
    `to_html` does.
    """
    return _rendered(report, shown.Album(report.id, "JPEG", smaller))


def _rendered(report: CaseReport, album: shown.Album) -> str:
    kind = album.kind.lower()

    def picture(file: str) -> str:
        return f"data:image/{kind};base64,{b64encode(album.embed(file)).decode()}"

    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            selection=shown.select(report),
            picture=picture,
            context=CONTEXT,
            heat=HEAT,
            marks=marks,
            words=words,
        )
    )


def _printable(text: str) -> str:
    """A text without control characters and what turns its direction around."""
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in text
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("core.report.case.formats", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: _printable(value) if type(value) is str else value,
    )
    return environment
