"""A model card says what the run's files say, and what they do not say it calls a gap."""

import hashlib
import html.parser
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from core import storage
from core.errors import ConfigError, RunError
from core.jobs.job import Status
from core.metrics import classification
from core.report.card import render, texts
from core.report.card import sections as model_card
from core.report.card.items import Card, Item
from core.runs import environment, run_store
from core.runs.config import RunConfig
from core.runs.run_store import Run
from tests.conftest import PROJECT
from tests.factories.archives import shipped_run


@dataclass(frozen=True)
class Ill:
    title: str = "It is ill."
    evidence: str = "A figure shows it."
    advice: str = "Do this."


@pytest.fixture
def run() -> Run:
    return shipped_run()


def item(card: Card, label: str) -> Item:
    found = [i for s in card.sections for i in s.items if i.label.startswith(label)]
    assert len(found) == 1, (label, found)
    return found[0]


def change(run: Run, **parts: Any) -> None:
    document = storage.read_json(run.path / "metrics.json")
    for name, changes in parts.items():
        document[name] = document.get(name, {}) | changes
    storage.write_json(run.path / "metrics.json", document)


RECORDED = {
    "layout": "C-NMC 2019",
    "images": 1010,
    "unlabelled": 3,
    "phases": {"training": 1000, "final": 10},
    "rejected": 7,
    "duplicate_pairs": 12,
    "linked_subjects": [["4", "9"]],
}


def test_every_figure_is_that_of_the_run(run: Run) -> None:
    card = model_card.build(run, [])
    measured = run.metrics
    assert measured is not None
    for part, title in (("test", "Test"), ("validation", "Validation"), ("train", "Training")):
        truth = measured.parts[part]
        rows = item(card, f"{title} part: {truth.images:,}").rows
        assert rows[0] == ("Metric", "Value", "95% interval", "Always ALL")
        for row, (key, name) in zip(rows[1:], classification.NAMES.items(), strict=True):
            interval = truth.intervals[key]
            always = truth.always_all[key]
            assert row == (
                name,
                f"{truth.metric(key):.3f}",
                "{:.3f} to {:.3f}".format(*interval) if interval else "none",
                f"{always:.3f}",
            )
    settings = dict(item(card, "Every setting").rows[1:])
    asked = storage.read_json(run.path / "config.json")
    assert set(settings) == set(RunConfig.model_fields) >= set(asked) - {"format"}
    assert settings["batch_size"] == str(asked["batch_size"])
    assert settings["augmentation"] == ", ".join(asked["augmentation"])
    hashes = {row[0]: row[2] for row in item(card, "SHA-256").rows[1:]}
    for name in ("model.keras", "engine.xml", "engine.bin", "config.json", "split.parquet"):
        assert hashes[name] == hashlib.sha256((run.path / name).read_bytes()).hexdigest()
    counts = item(card, "Cells and subjects").rows
    protocol = measured.protocol.parts
    assert [int(row[1].replace(",", "")) for row in counts[1:]] == [
        protocol[name].images for name in ("train", "validation", "test")
    ]


def test_what_an_older_run_did_not_record_is_a_gap_and_is_filled_by_a_new_one(run: Run) -> None:
    card = model_card.build(run, [])
    lacking = ("Hardware", "Versions", "Missing data", "Phases", "Copies of images")
    document = storage.read_json(run.path / "metrics.json")
    document.pop("environment", None)
    for name in RECORDED:
        document["dataset"].pop(name, None)
    storage.write_json(run.path / "metrics.json", document)
    card = model_card.build(run, [])
    for label in lacking:
        assert item(card, label).gap and item(card, label).remedy, label
    gaps = card.gaps
    change(run, dataset=RECORDED, environment=environment.describe().to_json())
    card = model_card.build(run, [])
    assert card.gaps == gaps - len(lacking)
    assert "7 files could not be used" in item(card, "Missing data").value
    assert "4, 9" in item(card, "Linked subjects").value
    assert "openvino 2026" in item(card, "Versions").value


def test_on_real_cells_what_only_people_know_is_a_gap(run: Run) -> None:
    drawn = model_card.build(run, [])
    assert "synthetic" in item(drawn, "Ethics").value
    assert "real cell means nothing" in item(drawn, "Out of scope").value
    change(run, dataset={"synthetic": False, "name": "C-NMC", **RECORDED})
    card = model_card.build(run, [])
    for label in ("Ethics", "Fairness", "Patients", "Reference standard", "Who was included"):
        found = item(card, label)
        assert found.gap and not found.value and found.field in texts.FIELDS
    assert "tcia.2019" in item(card, "Licence and citation").value
    assert "real cell means nothing" not in item(card, "Out of scope").value
    assert card.gaps > drawn.gaps


def test_a_users_words_fill_a_gap_and_are_shown_as_theirs(run: Run) -> None:
    before = model_card.build(run, [])
    texts.write(run, "contact", "  the laboratory  ")
    texts.write(run, "purpose", "x")
    texts.write(run, "purpose", " ")  # taken back
    card = model_card.build(run, [])
    assert card.gaps == before.gaps - 1
    assert item(card, "Contact").value == "the laboratory" and item(card, "Contact").words
    assert "**Contact** (user's words): the laboratory" in render.markdown(card)
    assert storage.read_json(run.path / "card.json") == {"contact": "the laboratory"}
    with pytest.raises(ConfigError, match=r"field is 'colour'; it can be purpose"):
        texts.write(run, "colour", "red")
    with pytest.raises(ConfigError, match=r"has 4,001 characters; 4,000 are the most"):
        texts.write(run, "contact", "x" * 4001)
    (run.path / "card.json").write_text("[3]")
    with pytest.raises(RunError, match=r"card\.json of run demo-cnn-16 is damaged"):
        model_card.build(run, [])


def test_the_doctor_the_operating_point_and_other_data_sets_are_in_it(run: Run) -> None:
    card = model_card.build(run, [Ill()])
    assert item(card, "It is ill").value == "A figure shows it. Do this."
    assert item(card, "External validation").gap
    assert run.calibration.reason[1:] in item(card, "Calibration").value
    chosen = {"threshold": 0.37, "operating_point": {"basis": "promised"}}
    run.calibration.replace(**chosen).write(run.path / "calibration.json")
    part = run.metrics.test
    other = {"dataset": "Elsewhere", "metrics": part.to_json(), "leaking": True, "at": 1e9}
    other["of_subjects_trained_on"] = 5
    storage.write_json(run.path / "evaluations.json", [other])
    card = model_card.build(run, [])
    assert "37%" in item(card, "Operating point").value
    assert ("operating point: basis", "promised") in item(
        card, "Every value of calibration.json"
    ).rows
    assert item(card, "External validation").gap  # a set that leaks is none
    assert "not external" in item(card, "Elsewhere").label
    storage.write_json(run.path / "evaluations.json", [other | {"leaking": False}])
    card = model_card.build(run, [])
    assert item(card, "Elsewhere, 2001-09-09").rows[1][1] == f"{part.accuracy:.3f}"
    assert not any(i.label == "External validation" for s in card.sections for i in s.items)


def test_a_split_that_leaks_is_said_to(run: Run) -> None:
    assert "leaks" not in item(model_card.build(run, []), "Audit").value
    change(run, protocol={"leaking": True, "groups_crossing": 3, "split": "image"})
    card = model_card.build(run, [])
    assert "It leaks" in item(card, "Audit").value
    assert "both sides" in item(card, "Split").value


def test_the_publishers_classes_are_named_with_what_they_count_as(run: Run) -> None:
    assert "leukemic blast" in item(model_card.build(run, []), "Classes").value
    change(run, dataset={"classes": {"Benign": 0, "Early": 1, "Pro": 1, "Other": None}})
    value = item(model_card.build(run, []), "Classes").value
    assert value == "ALL (positive, 1) is Early, Pro. HEM (0) is Benign. Left out: Other."


def test_a_path_of_this_machine_is_not_in_it(run: Run) -> None:
    document = storage.read_json(run.path / "config.json")
    storage.write_json(run.path / "config.json", document | {"dataset": "/home/someone/cells"})
    card = model_card.build(run_store.get(run.run_id), [])
    text = json.dumps(model_card.to_json(card)) + render.html(card) + render.markdown(card)
    assert "someone" not in text and str(PROJECT) not in text


def test_a_model_that_sees_whole_images_is_not_said_to_cut_them(run: Run) -> None:
    assert item(model_card.build(run, []), "Preprocessing").value.startswith("The middle 448 x 448")
    document = storage.read_json(run.path / "config.json")
    storage.write_json(run.path / "config.json", document | {"inputs": "image"})
    card = model_card.build(run_store.get(run.run_id), [])
    assert item(card, "Preprocessing").value.startswith("The whole image, its longer side made 448")
    assert "never adapted" in item(card, "Another stain").value


def test_an_unfinished_or_damaged_run_has_no_card(run: Run) -> None:
    (run.path / "metrics.json").rename(run.path / "kept")
    with pytest.raises(RunError, match=r"lost its metrics\.json"):
        model_card.build(run, [])
    (run.path / "kept").rename(run.path / "metrics.json")
    change(run, dataset={"phases": ["a"]})
    with pytest.raises(RunError, match=r"metrics\.json .*dataset\.phases is \['a'\]"):
        model_card.build(run, [])
    run.write_status(Status(state="failed"))
    with pytest.raises(RunError, match="is failed"):
        model_card.build(run, [])


class Page(html.parser.HTMLParser):
    """Tags and attributes of a page, and whether every tag is closed in its turn."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_loads_nothing_and_runs_nothing(run: Run) -> None:
    attack = '<script>alert(1)</script> <img src="https://x.org/a.png"> "quoted" & | $x$ [a](b)'
    texts.write(run, "contact", attack)
    change(run, dataset={"name": attack})
    card = model_card.build(run, [Ill(title=attack)])
    page = Page()
    page.feed(render.html(card))
    assert page.open == []
    tags = {tag for tag, _ in page.seen}
    assert not tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    names = {name for _, attributes in page.seen for name in attributes}
    assert names <= {"lang", "charset", "name", "content", "http-equiv", "class", "scope"}
    assert "&lt;script&gt;alert(1)" in render.html(card)
    assert "url(" not in render.html(card) and "@import" not in render.html(card)
    text = render.markdown(card)
    assert "<script" not in re.sub(r"\\<", "", text) and r"\[a\](b)" in text
    assert render.html(card).count("GAP</b>") == text.count("*GAP.*") == card.gaps > 5


def test_rows_of_a_table_stay_rows_whatever_is_in_them(run: Run) -> None:
    table = Item("t", rows=(("a", "b"), ("1|2", "x\ny")))

    assert render.item_markdown(table).splitlines()[2:] == [
        "| a | b |",
        "| --- | --- |",
        r"| 1\|2 | x y |",
    ]


def test_the_environment_names_what_it_was_made_with() -> None:
    told = environment.describe()
    assert re.fullmatch(r"3\.\d+\.\d+", str(told.python))
    assert all(told.packages[name] for name in ("tensorflow", "keras", "openvino", "numpy"))
    assert told.cores and told.cores >= 1
