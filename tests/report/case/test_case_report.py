"""The report of a case: what it says, in each of its formats."""

import base64
import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.observation import Observation

from core.cases import case_store, drawing, review, signing
from core.data.images import decode
from core.errors import CaseError
from core.report.case import shown, words
from core.report.case.build import build
from core.report.case.check import check
from core.report.case.content import CaseReport
from core.report.case.export import FORMATS, export, file_name
from core.report.case.formats import fonts, geojson, html
from tests.factories import cases

HOSTILE = (
    "<script>alert(1)</script>",
    '"></title><img src=x onerror=alert(1)>',
    "</script><b>bold</b> & &amp; {{ 7 * 7 }} <para>",
    "=HYPERLINK(1)",
    "Пациент 7 🧬 細胞",
    "חולה א",
    "W" * 120,
    '{"blastlens_case_report":1,"seal":"',
)


def signed(case_id: str) -> CaseReport:
    """The report of a case that two persons have signed, after looking at all cells."""
    review.see(cases.READER, case_id, cases.versions(case_store.get(case_id)))
    for person in (cases.SECOND, cases.READER):
        signing.sign(person, case_id, case_store.get(case_id).version)
    return build(case_id)


def page(report: CaseReport) -> str:
    return export(report, "html").decode()


class Elements(HTMLParser):
    """The texts by element, and all elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.names = ["document"]
        self.texts: dict[str, str] = {}
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts[self.names[-1]] = self.texts.get(self.names[-1], "") + data


def test_an_unsigned_case_is_a_draft_in_every_format() -> None:
    report = build(cases.make())
    assert words.DRAFT in Elements(page(report)).texts["span"]
    assert f"Case 1: {words.DRAFT}".encode() in export(report, "pdf")
    assert json.loads(export(report, "fhir"))["status"] == "preliminary"
    assert file_name(report, "pdf").startswith("draft_")


def test_a_signed_case_names_who_signed_and_whether_their_name_is_vouched_for() -> None:
    report = signed(cases.make())
    text = page(report)
    assert "DRAFT" not in text
    assert "reader two (verified by the provider)" in text
    assert "reader one (name not verified)" in text
    assert words.NOTICE in text
    assert json.loads(export(report, "fhir"))["status"] == "final"


def test_the_verdict_is_the_one_that_was_signed() -> None:
    case_id = cases.make()
    report = signed(case_id)
    assert report.figures.to_json() == case_store.get(case_id).signatures[0].verdict
    assert (report.figures.blasts, report.figures.cells) == (2, 3)
    assert "Blasts: 2 of 3 cells that count" in page(report)


def test_pictures_that_were_read_whole_are_called_so_and_count_apart() -> None:
    case_id = cases.make([cases.single("ALL"), cases.whole("HEM", seed=4)])
    report = signed(case_id)
    said, text = words.conclusion(report.figures), page(report)
    assert "Blasts: 1 of 1 cell that count" in said
    assert "Apart from cells, 1 whole image: 1 HEM." in said and said in text
    assert shown.select(report).title == "Cells and images" and "<td>whole image</td>" in text
    assert "pictures added: 2 pictures, 1 cell, 1 whole image" in [
        one.said for one in report.events
    ]
    assert check(text.encode()).findings == ()
    only = build(cases.make([cases.whole("HEM")], name="whole"))
    assert words.conclusion(only.figures).startswith("No cell counts, so there is no share of")


def test_the_history_says_which_cells_an_event_is_about() -> None:
    case_id = cases.make([cases.field(("ALL",) * 6)])
    review.decide(cases.READER, case_id, "ALL", cases.versions(case_store.get(case_id), 2))
    assert build(case_id).events[-1].said == "decided: 1 cell (No. 2), 1 ALL"
    case_store.add(cases.READER, case_id, [cases.field(("HEM",) * 2, seed=1)])
    review.decide(cases.READER, case_id, "HEM", cases.versions(case_store.get(case_id), 1, 2))
    four = "4 cells (No. 1, No. 2 of field.png; No. 1, No. 2 of field (2).png)"
    said = f"decided: {four}, 4 HEM"
    assert build(case_id).events[-1].said == said and said in page(build(case_id))
    review.undo(cases.READER, case_id)
    review.decide(cases.READER, case_id, "other", cases.versions(case_store.get(case_id)))
    which = "No. 1, No. 2, No. 3, No. 4, No. 5 of field.png, …"
    assert [one.said for one in build(case_id).events[-2:]] == [
        f"undone: {four}",
        f"decided: 8 cells ({which}), 8 other",
    ]


def test_the_conclusion_says_whether_readers_or_a_model_called_the_cells() -> None:
    case_id = cases.make([cases.field(("HEM",) * 20)])
    told = words.conclusion(build(case_id).figures)
    assert told == "Blasts: 0 of 20 cells that count (0%), as a model called them."
    review.decide(cases.READER, case_id, "ALL", cases.versions(case_store.get(case_id), 1))
    told = words.conclusion(build(case_id).figures)
    assert told.startswith("Blasts: 1 of 20 cells that count (5%), as readers decided them and, ")
    left = cases.versions(case_store.get(case_id), *range(2, 21))
    review.decide(cases.READER, case_id, "HEM", left)
    told = words.conclusion(build(case_id).figures)
    assert told == "Blasts: 1 of 20 cells that count (5%), as readers decided them."


def test_a_cell_says_who_decided_what_and_when() -> None:
    case_id = cases.make()
    review.decide(cases.READER, case_id, "HEM", cases.versions(case_store.get(case_id), 1))
    review.decide(cases.SECOND, case_id, "other", cases.versions(case_store.get(case_id), 1))
    cell = build(case_id).pictures[0].cells[0]
    label, *others = words.decision(cell)
    assert cell.reclassified and not cell.blast
    assert label == f"other, by reader two, {words.when(cell.label_at or '')}"
    assert others == [f"reader one: HEM, {words.when(cell.decisions[0].time)}"]


def test_a_blind_case_has_no_report_before_it_is_signed() -> None:
    case_id = cases.make([cases.field(("ALL", "HEM"))], blind=True)
    with pytest.raises(CaseError, match="read blind and not signed"):
        build(case_id)
    review.decide(cases.READER, case_id, "ALL", cases.versions(case_store.get(case_id)))
    assert [pair.blind for pair in signed(case_id).agreements] == [True]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_neither_break_a_report_nor_inject_anything(name: str) -> None:
    report = build(cases.make([cases.field(("ALL",), name=f"{name}\x00.png")], name=name))
    found = Elements(page(report))
    assert found.names.count("script") == 1 and "img" in found.names
    assert not {one for one in found.attributes if one.startswith("on")}
    assert found.texts["title"].strip() == f"{name}: {words.DRAFT}"
    for kind in ("html", "pdf"):
        assert check(export(report, kind)).findings == ()
    assert json.loads(export(report, "fhir"))["subject"]["display"] == name


def test_a_reason_longer_than_a_page_is_told_on_several() -> None:
    read = cases.field(("review",))
    read.cells[0].columns["reason"] = "It says more than fits on one page. " * 300
    assert check(export(build(cases.make([read])), "pdf")).findings == ()


def test_characters_that_the_font_lacks_are_shown_as_their_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fonts.register.cache_clear()
    monkeypatch.setattr(fonts, "FILES", (("missing.ttf", "missing.ttf"), fonts.FILES[1]))
    try:
        assert fonts.legible("Ж µm א\n") == "\\u0416 µm \\u05d0\\x0a"
        assert export(build(cases.make(name="Ж")), "pdf").startswith(b"%PDF")
    finally:
        fonts.register.cache_clear()


def test_what_matters_comes_first_and_what_is_left_out_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shown, "MOST_CROPS", 3)
    monkeypatch.setattr(shown, "MOST_ROWS", 2)
    states = ("HEM", "HEM", "review", "HEM", "ALL", "HEM", "HEM")
    selection = shown.select(build(cases.make([cases.field(states)])))
    assert [row.cell.number for row in selection.pictured] == [1, 3, 5]
    assert [row.cell.number for row in selection.listed] == [2, 4]
    assert "2 cells" in selection.left_out


def test_every_picture_of_the_page_is_a_kept_file() -> None:
    case_id = cases.make([cases.field(), cases.single(seed=1)])
    report = build(case_id)
    album = shown.Album(case_id, "PNG")
    for picture in report.pictures:
        album.embed(picture.file)
    assert all(embedded == kept for embedded, kept in album.kept.items())


def test_a_preview_is_the_report_with_small_pictures_and_without_data() -> None:
    large = cases.field()
    image = np.repeat(np.repeat(large.image, 5, axis=0), 5, axis=1)
    case_id = cases.make([replace(large, image=image), cases.single(seed=1)], name=HOSTILE[0])
    report, rows = build(case_id), case_store.get(case_id).pictures
    shown_page = Elements(html.preview(report, {row.file: row.overview for row in rows}))
    whole = Elements(page(report))
    assert "script" not in shown_page.names
    for name in ("bdi", "span", "dd", "td", "p"):
        assert shown_page.texts[name].split() == whole.texts[name].split()
    pictures = [base64.b64decode(one) for one in re.findall('jpeg;base64,([^"]+)', shown_page.text)]
    assert len(pictures) == whole.names.count("img")
    assert max(max(decode(one).shape) for one in pictures) == drawing.OVERVIEW_SIDE


def test_fhir_is_valid_and_says_what_the_verdict_says() -> None:
    report = signed(cases.make([cases.field(("ALL", "HEM", "review") * 8)]))
    parsed = DiagnosticReport.model_validate_json(export(report, "fhir"))
    observations = [one for one in parsed.contained if isinstance(one, Observation)]
    share, corrected, counts, _ = observations
    assert float(share.valueQuantity.value) == pytest.approx(100 * 2 / 3, abs=0.01)
    assert corrected.dataAbsentReason.text == "the run drawn is gone"
    assert {one.code.text: one.valueInteger for one in counts.component}["Cells that count"] == 24
    assert {one.reference for one in parsed.result} == {f"#{one.id}" for one in observations}
    assert {one.status for one in observations} == {"final"}
    assert words.NOTICE in parsed.conclusion and "Blasts: 16 of 24" in parsed.conclusion
    assert parsed.resultsInterpreter[0].display == "reader two (verified by the provider)"


def test_fhir_has_counts_in_place_of_percentages_of_few_cells() -> None:
    parsed = DiagnosticReport.model_validate_json(export(build(cases.make()), "fhir"))
    share, corrected = parsed.contained[1:3]
    assert share.valueQuantity is None and corrected.valueQuantity is None
    assert share.dataAbsentReason.text == words.TOO_FEW


def test_geojson_has_the_outlines_that_were_kept() -> None:
    drawn = [cases.field(name="a/b:c.png"), cases.single(seed=1)]
    report = build(cases.make(drawn))
    archive = zipfile.ZipFile(io.BytesIO(export(report, "geojson")))
    assert archive.namelist() == ["001_a_b_c.png.geojson", "002_cell.png.geojson"]
    for picture, read in zip(report.pictures, drawn, strict=True):
        document = json.loads(archive.read(geojson.file_name(picture)))
        outlines = [one["geometry"]["coordinates"][0] for one in document["features"]]
        assert outlines == [cell.columns["outline"] for cell in read.cells]
        classes = [one["properties"]["classification"]["name"] for one in document["features"]]
        assert classes == [cell.columns["state"] for cell in read.cells]
    first = document["features"][0]["properties"]
    assert first["objectType"] == "detection" and first["name"] == "1"
    assert first["measurements"]["Probability of a blast"] == 0.93


def test_a_format_that_there_is_not_is_refused() -> None:
    with pytest.raises(CaseError, match="Formats are html, pdf, fhir, geojson"):
        export(build(cases.make()), "docx")
    assert set(FORMATS) == {"html", "pdf", "fhir", "geojson"}
