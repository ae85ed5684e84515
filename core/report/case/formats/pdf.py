"""The report of a case as PDF, A4, with its data as an attached file."""

import io
from collections.abc import Callable, Iterable, Sequence

from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Table

from core.cases.intake import CONTEXT, HEAT
from core.compat import attach_to_pdf
from core.report.case import marks, seal, shown, words
from core.report.case.content import CaseReport
from core.report.case.formats import fonts
from core.report.case.formats.drawn import OutlinedField

rl_config.useA85 = 0  # pictures stand in the file as they are, so that they can be checked
MARGIN, WIDE = 14 * mm, A4[0] - 28 * mm
PADDING = 6  # points, which ReportLab puts inside a frame
FIELD_HIGH, CROP = 98 * mm, 17 * mm  # two fields fit on a page
CROWDED, PAGE_HIGH = 30, 215 * mm  # a field of more cells has a page of its own
FULL_NAME = 70  # characters of the case's name in the header
_GREY, _RULE = HexColor("#444444"), HexColor("#B8C2C6")

_TEXT = ParagraphStyle("text", fontName=fonts.PLAIN, fontSize=9, leading=12, spaceAfter=3)
_SMALL = ParagraphStyle("small", _TEXT, fontSize=7.5, leading=9.5, textColor=_GREY)
_CELL = ParagraphStyle("cell", _TEXT, fontSize=7.5, leading=9.3, spaceAfter=0)
_HASH = ParagraphStyle("hash", _CELL, fontSize=6.5, leading=8.5, wordWrap="CJK")
_TITLE = ParagraphStyle("title", _TEXT, fontName=fonts.BOLD, fontSize=18, leading=22)
_HEAD = ParagraphStyle(
    "head", _TEXT, fontName=fonts.BOLD, fontSize=12, leading=15, spaceBefore=12, keepWithNext=1
)
_SUBHEAD = ParagraphStyle("subhead", _HEAD, fontSize=9.5, leading=12, spaceBefore=8)
_VERDICT = ParagraphStyle("verdict", _TEXT, fontSize=13, leading=17, spaceBefore=8, spaceAfter=6)
_NOTICE = ParagraphStyle(
    "notice", _TEXT, borderColor=HexColor("#E69F00"), borderWidth=1, borderPadding=5,
    spaceBefore=14, spaceAfter=8, leftIndent=6, rightIndent=6,
)  # fmt: skip
_STATE = ParagraphStyle(
    "state", _NOTICE, fontName=fonts.BOLD, fontSize=11, borderColor=HexColor("#1B2428"),
    borderWidth=1.5,
)  # fmt: skip


def to_pdf(report: CaseReport) -> bytes:
    """Renders a report, sealed; pictures are JPEG copies of the kept ones.

    Raises `CaseError` if a kept picture is gone or was changed.
    """
    fonts.register()
    album = shown.Album(report.id, "JPEG")
    story = [*_first_page(report), *_body(report, shown.select(report), album.embed)]
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, leftMargin=MARGIN - PADDING, rightMargin=MARGIN - PADDING,
        topMargin=18 * mm, bottomMargin=18 * mm, title=f"{report.name}: {words.state(report)}",
        author="BlastLens", subject=words.NOTICE, lang="en", initialFontName=fonts.PLAIN,
    )  # fmt: skip

    def frame(canvas: Canvas, _: SimpleDocTemplate) -> None:
        _frame(canvas, report)

    def finish(canvas: Canvas) -> None:
        attach_to_pdf(canvas, "report.json", seal.data(report, album.kept))

    document.build(story, frame, frame, canvasmaker=lambda *a, **k: _Paged(finish, *a, **k))
    return seal.seal(buffer.getvalue())


class _Paged(Canvas):  # type: ignore[misc]
    """A canvas that knows at the end how many pages there are; `finish` is called before."""

    def __init__(
        self, finish: Callable[[Canvas], None], *arguments: object, **named: object
    ) -> None:
        super().__init__(*arguments, **named)
        self.finish = finish

    def save(self) -> None:
        """Saves the file."""
        pages = self.getPageNumber() - 1
        self.beginForm("pages")
        self.setFont(fonts.PLAIN, 7.5)
        self.drawString(0, 0, f"of {pages}")
        self.endForm()
        self.finish(self)
        super().save()


def _frame(canvas: Canvas, report: CaseReport) -> None:
    """Header and footer of a page."""
    name = fonts.legible(report.name)
    name = name if len(name) <= FULL_NAME else f"{name[:FULL_NAME]}…"
    canvas.saveState()
    canvas.setFont(fonts.BOLD if report.draft else fonts.PLAIN, 7.5)
    top, right = A4[1] - 12 * mm, A4[0] - MARGIN
    canvas.drawString(MARGIN, top, f"{words.state(report)}: {name}")
    canvas.setFont(fonts.PLAIN, 7.5)
    canvas.drawRightString(right, top, f"at event {report.head.number}")
    canvas.drawString(MARGIN, 10 * mm, "BlastLens, for research use only. Never a diagnosis.")
    canvas.drawRightString(right - 11 * mm, 10 * mm, f"Page {canvas.getPageNumber()}")
    canvas.translate(right - 10 * mm, 10 * mm)
    canvas.doForm("pages")
    canvas.restoreState()


def _first_page(report: CaseReport) -> list[Flowable]:
    pictures = f"{len(report.pictures)} pictures{'; read blind' if report.blind else ''}"
    facts = [
        *words.verdict(report.figures),
        *(("Signed", words.signature(one)) for one in report.signatures),
        ("Case", f"created by {report.created_by}, {words.when(report.created)}; {pictures}"),
        ("Report", f"made {words.when(report.made)} by BlastLens {report.blastlens}"),
    ]
    story = [
        _text(report.name, _TITLE),
        _text(words.state(report), _STATE),
        _text(words.NOTICE, _NOTICE),
        *(_text(caution, _NOTICE) for caution in report.cautions),
        _text(words.conclusion(report.figures), _VERDICT),
        _facts(facts),
    ]
    if report.agreements:
        rows = [
            (f"{pair.first} and {pair.second}", words.agreed(pair), pair.kappa,
             words.how(pair.blind))
            for pair in report.agreements
        ]  # fmt: skip
        header = ("Between", "Agree", "Cohen's kappa", "How")
        story += [_text("Agreement", _HEAD), _table(header, rows, (58, 28, 54, 42))]
    return story


def _body(
    report: CaseReport, selection: shown.Selection, embed: Callable[[str], bytes]
) -> list[Flowable]:
    story = [_text(selection.left_out, _SMALL)] if selection.left_out else []
    for number, field in enumerate(selection.fields):
        jpeg, high = embed(field.file), PAGE_HIGH if len(field.cells) > CROWDED else FIELD_HIGH
        caption = f"{marks.legend(field.cells)} {field.reason or ''} {words.scale(field)}"
        parts = [
            _text(f"{field.place}. {field.name}", _SUBHEAD),
            OutlinedField(field, jpeg, (WIDE, high)),
            _text(f"{caption} Kept picture {field.file}.", _SMALL),
        ]
        story.append(KeepTogether([*([] if number else [_text("Fields", _HEAD)]), *parts]))
    if selection.pictured:
        header = ("No.", "Picture, heat map", "Model", "Decision", "Why", "Size")
        rows = [[_which(row), _crops(row, embed), *_of_cell(row)] for row in selection.pictured]
        story += [_text(selection.title, _HEAD), _text(words.CELLS, _SMALL)]
        story.append(_table(header, rows, (27, 37, 28, 34, 39, 17)))
    if selection.listed:
        rows = [[_which(row), *_of_cell(row)] for row in selection.listed]
        titles = ("No.", "Model", "Decision", "Why", "Size")
        story.append(_text(f"Further {selection.title.lower()}", _HEAD))
        story.append(_table(titles, rows, (34, 36, 42, 53, 17)))
    for model in report.models:
        engine = (
            f"read by BlastLens {model.blastlens}; SHA-256 {model.engine_sha256 or words.NOT_KNOWN}"
        )
        story.append(_text(f"Model: {model.run}", _HEAD))
        story += [_text(model.caution)] if model.caution else []
        story.append(_facts([*model.facts, ("Engine", engine)]))
    return [*story, *_trail(report, selection)]


def _trail(report: CaseReport, selection: shown.Selection) -> list[Flowable]:
    """What the report rests on, and how it is checked."""
    pictures = [
        (f"{picture.place}. {picture.name}", words.holds(picture),
         _text(f"{picture.input_sha256} {picture.file}", _HASH))
        for picture in report.pictures
    ]  # fmt: skip
    events = [
        (str(event.number), words.when(event.time),
         f"{event.person} ({words.vouched(event.verified)})", event.said, event.hash[:12])
        for event in selection.events
    ]  # fmt: skip
    hashes = "SHA-256 of the file as it came, and of the kept picture"
    return [
        _text("Pictures", _HEAD),
        _table(("Picture", "Holds", hashes), pictures, (52, 22, 108)),
        _text("History", _HEAD),
        _table(("Event", "Time", "Person", "What", "Hash"), events, (14, 36, 50, 56, 26)),
        KeepTogether(
            [
                _text("How to check this report", _HEAD),
                _text(words.CHECK),
                *(_text(line, _SMALL) for line in words.events(report)),
            ]
        ),
    ]


def _text(text: str, style: ParagraphStyle = _TEXT) -> Paragraph:
    return Paragraph(fonts.markup(text), style)


def _facts(rows: Iterable[tuple[str, str]]) -> Table:
    bold = ParagraphStyle("label", _TEXT, fontName=fonts.BOLD)
    table = [[_text(label, bold), _text(value)] for label, value in rows]
    return Table(table, (48 * mm, WIDE - 48 * mm), splitInRow=1, style=[
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
    ])  # fmt: skip


def _table(
    header: Sequence[str], rows: Iterable[Sequence[str | Flowable]], widths: Sequence[float]
) -> Table:
    """A table whose header stands on each page; widths in millimetres."""
    bold = ParagraphStyle("header", _CELL, fontName=fonts.BOLD)
    body = [[_text(cell, _CELL) if isinstance(cell, str) else cell for cell in row] for row in rows]
    table = [[_text(title, bold) for title in header], *body]
    return Table(table, [width * mm for width in widths], repeatRows=1, splitInRow=1, style=[
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 5),
        ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ])  # fmt: skip


def _which(row: shown.ShownCell) -> Paragraph:
    number, name = marks.number(row.cell), f"{row.picture.place}. {row.picture.name}"
    return Paragraph(f"<b>{fonts.markup(number)}</b><br/>{fonts.markup(name)}", _CELL)


def _crops(row: shown.ShownCell, embed: Callable[[str], bytes]) -> Table:
    files = [row.cell.files[kind] for kind in (CONTEXT, HEAT) if kind in row.cell.files]
    crops = [Image(io.BytesIO(embed(file)), CROP, CROP, kind="proportional") for file in files]
    return Table([crops or [""]], [CROP + 1 * mm] * max(1, len(crops)), hAlign="LEFT", style=[
        ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
    ])  # fmt: skip


def _of_cell(row: shown.ShownCell) -> list[str | Paragraph]:
    first, *others = words.decision(row.cell)
    lines = [fonts.markup(line) for line in others]
    first = f"<b>{fonts.markup(first)}</b>" if row.cell.label else fonts.markup(first)
    decision = Paragraph("<br/>".join([first, *lines]), _CELL)
    size = words.across(row.cell, row.picture.um_per_px)
    return [words.call(row.cell), decision, words.why(row.cell), size]
