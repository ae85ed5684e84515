"""The report of a case as one HTML file that loads nothing, runs nothing and prints on A4."""

from base64 import b64encode
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

    def picture(file: str) -> str:
        return f"data:image/png;base64,{b64encode(album.embed(file)).decode()}"

    text = (
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
    page, end = text.encode().rsplit(b"</body>", 1)
    data = seal.data(report, album.kept)
    return seal.seal(
        page + b'<script type="application/json" id="data">' + data + b"</script>\n</body>" + end
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
