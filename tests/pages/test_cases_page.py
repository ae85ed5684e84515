"""The Cases page."""

import pytest
from streamlit.testing.v1 import AppTest

from core.cases import case_store, review
from core.cases.tables import CaseRow
from core.people import READER as READER_ROLE
from core.people import SUPERVISOR, own_machine
from pages.ui.cases import new_case
from pages.ui.common import compat, people
from tests.factories import cases
from tests.factories.app import button, logged_in, open_page, words
from tests.factories.archives import shipped_run

TYPED = {"typed_name": "Dr One"}


def open_case(case_id: str, part: str, **state: object) -> AppTest:
    """A part of a case, as Dr One sees it."""
    test = open_page("cases", **TYPED, step=part, **state)
    test.query_params["case"] = case_id
    return test.run()


def settled(case_id: str) -> CaseRow:
    """The case once all its cells were decided."""
    case = case_store.get(case_id)
    review.decide(cases.READER, case_id, "ALL", cases.versions(case))
    return case_store.get(case_id)


def test_a_name_is_asked_for_before_anything_is_recorded() -> None:
    cases.make()
    test = open_page("cases")
    assert [box.label.split(",")[0] for box in test.text_input] == ["Your name"]
    assert not test.dataframe
    test.text_input[-1].set_value("Dr One")
    button(test, "Go on").click().run()
    assert test.dataframe


def test_a_reload_and_a_new_tab_of_the_browser_keep_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked(browser: bytes) -> AppTest | None:
        monkeypatch.setattr(compat, "browser_token", lambda: browser)
        test = open_page("cases")
        return test if any("what you decide" in box.label for box in test.text_input) else None

    first = asked(b"one browser")
    assert first
    first.text_input[-1].set_value("Dr One")
    button(first, "Go on").click().run()
    assert not asked(b"one browser")
    assert asked(b"another")
    monkeypatch.setattr(people, "SECONDS", -1)
    assert asked(b"one browser")


def test_the_list_has_state_date_reader_cells_and_blasts() -> None:
    cases.make(name="Smear")
    test = open_page("cases", **TYPED)
    (row,) = test.dataframe[0].value.to_dict("records")
    row.pop("Changed")
    assert row == {
        "Case": "Smear",
        "State": "open",
        "Readers": "reader one",
        "Cells": 5,
        "Counted": 3,
        "Blasts": 2,
        "Share": None,
    }


def test_the_review_shows_a_cell_and_marks_it_seen() -> None:
    case_id = cases.make([cases.field(("review", "ALL"))])
    test = open_case(case_id, "Review")
    assert not test.exception
    assert "No. 1 of field" in words(test)
    assert [cell.seen_by for cell in case_store.get(case_id).cells] == ["Dr One", None]
    case_id = cases.make([cases.field(("ALL", "ALL", "review"))])
    open_case(case_id, "Review")  # the row of ALL comes first
    assert [cell.seen_by for cell in case_store.get(case_id).cells] == [None, None, None]


def test_the_review_begins_at_the_first_cell_that_is_not_decided() -> None:
    case_id = cases.make([cases.field(("ALL", "ALL", "HEM"))])
    review.decide(cases.READER, case_id, "ALL", cases.versions(case_store.get(case_id), 1, 2))
    assert "No. 3 of field" in words(open_case(case_id, "Review"))
    blind = cases.make([cases.field(("HEM", "HEM"), seed=1)], blind=True)
    review.decide(cases.READER, blind, "ALL", cases.versions(case_store.get(blind), 1))
    assert "No. 1 of field" in words(open_case(blind, "Review"))  # another reader's is not told


def test_no_blasts_among_enough_cells_are_0_percent() -> None:
    case_id = cases.make([cases.field(("HEM",) * 20)])
    test = open_case(case_id, "Verdict and signature")
    assert test.metric[0].value == "0 of 20 (0%)"
    assert "Of the cells on these pictures, as a model called them." in words(test)


def test_a_blind_case_hides_the_models_call() -> None:
    case_id = cases.make([cases.field(("ALL",))], blind=True)
    text = words(open_case(case_id, "Review"))
    assert "Decide first" in text
    assert "93%" not in text
    review.decide(own_machine("Dr One"), case_id, "HEM", cases.versions(case_store.get(case_id)))
    assert "93%" in words(open_case(case_id, "Review"))


def test_the_verdict_on_a_blind_case_waits_for_this_readers_decisions() -> None:
    case_id = cases.make([cases.field(("ALL",))], blind=True)
    part = "Verdict and signature"
    test = open_case(case_id, part)
    assert "still have to decide 1;" in words(test) and not test.metric
    case = case_store.get(case_id)
    review.decide(own_machine("Dr One"), case_id, "HEM", cases.versions(case))
    assert open_case(case_id, part).metric


def test_a_difference_between_readers_is_settled_once_somebody_has_chosen() -> None:
    case_id = cases.make([cases.field(("ALL",))], blind=True)
    for reader, label in (("Dr One", "HEM"), ("Dr Two", "ALL")):
        versions = cases.versions(case_store.get(case_id))
        review.decide(own_machine(reader), case_id, label, versions)
    test = open_case(case_id, "Verdict and signature")
    assert button(test, "Settle").disabled
    (box,) = (box for box in test.selectbox if box.label == "It is")
    box.set_value("HEM").run()
    button(test, "Settle").click().run()
    assert not test.exception
    assert case_store.get(case_id).cells[0].label == "HEM"


def test_an_agreement_that_is_not_defined_is_said_to_be_so() -> None:
    case_id = cases.make([cases.field(("ALL", "ALL"))])
    settled(case_id)  # two raters, and one label for all
    test = open_case(case_id, "Verdict and signature")
    assert not test.exception
    assert "Cohen's kappa not defined: " in words(test)


def test_it_is_signed_when_nothing_is_in_the_way_and_opened_again() -> None:
    case_id = cases.make()
    test = open_case(case_id, "Verdict and signature")
    assert "not seen yet" in words(test)
    assert button(test, "Sign as Dr One").disabled
    settled(case_id)
    test = open_case(case_id, "Verdict and signature")
    button(test, "Sign as Dr One").click().run()
    assert case_store.get(case_id).signatures[0].person == "Dr One"
    button(test, "Open it again").click().run()
    assert case_store.get(case_id).state == case_store.OPEN


def test_a_person_who_signs_is_told_what_is_signed() -> None:
    case_id = cases.make([cases.field(("ALL", "HEM", "review"))])
    review.see(cases.READER, case_id, list(cases.versions(case_store.get(case_id))))
    test = open_case(case_id, "Verdict and signature")
    said = words(test)
    assert "Too few cells: 3 count, 200 are asked for." in said
    assert "1 cell sent to review and decided by nobody" in said
    assert not button(test, "Sign as Dr One").disabled


def test_what_happened_names_cells_and_decisions_but_not_to_one_who_reads_blind() -> None:
    case_id = cases.make([cases.field(("ALL", "HEM"))], blind=True)
    case = case_store.get(case_id)
    review.decide(cases.SECOND, case_id, "HEM", cases.versions(case, 2))
    assert open_case(case_id, "What happened").dataframe[0].value["What"][0] == "decided"
    review.decide(own_machine("Dr One"), case_id, "ALL", cases.versions(case))
    assert open_case(case_id, "What happened").dataframe[0].value["What"].tolist()[:2] == [
        "decided: 2 cells (No. 1, No. 2), 2 ALL",
        "decided: 1 cell (No. 2), 1 HEM",
    ]


def test_a_signature_on_a_case_that_changed_meanwhile_is_refused() -> None:
    case_id = cases.make()
    settled(case_id)
    test = open_case(case_id, "Verdict and signature")
    review.decide(cases.SECOND, case_id, "HEM", cases.versions(case_store.get(case_id), 1))
    button(test, "Sign as Dr One").click().run()
    assert case_store.get(case_id).signatures == []
    assert "has changed since you looked" in " ".join(error.value for error in test.error)


@pytest.mark.parametrize("part", ["Report", "Pictures", "What happened"])
def test_the_other_parts_show(part: str) -> None:
    case_id = cases.make()
    test = open_case(case_id, part)
    assert not test.exception
    assert not test.error
    picture = case_store.get(case_id).pictures[0]
    printed = test.session_state["printed_readings"]
    assert printed == {"Case 1": {picture.run_id: picture.engine_digest}}


def test_an_open_case_gets_another_name_above_all_its_parts() -> None:
    case_id = cases.make(name="Pictures of today")
    test = open_case(case_id, "Pictures")
    test.text_input[-1].set_value("Smear 12/3").run()
    button(test, "Keep the name").click().run()
    assert case_store.get(case_id).name == "Smear 12/3"
    assert "Smear 12/3" in words(test) and not test.error
    test.text_input[-1].set_value("   ").run()
    button(test, "Keep the name").click().run()
    assert "cannot name a case" in test.error[0].value
    assert case_store.get(case_id).name == "Smear 12/3"


def test_before_a_signature_one_click_shows_the_report() -> None:
    test = open_case(cases.make(), "Verdict and signature")
    button(test, "Read the report").click().run()
    assert "DRAFT, not signed" in words(test) and not test.exception and not test.error
    button(test, "Verdict and signature").click().run()
    assert test.metric and not test.exception


def test_cells_that_nobody_has_looked_at_are_one_click_away() -> None:
    case_id = cases.make([cases.field(("ALL", "HEM", "review"))])
    test = open_case(case_id, "Verdict and signature")
    button(test, "Look at them").click().run()
    assert "No. 3 of field" in words(test) and not test.exception
    assert case_store.get(case_id).cells[2].seen_by == "Dr One"
    button(open_case(case_id, "Verdict and signature"), "Sign as Dr One").click().run()
    assert case_store.get(case_id).state == case_store.SIGNED


def test_a_new_case_needs_pictures() -> None:
    test = open_page("cases", **TYPED)
    button(test, "Read and keep").click().run()
    assert "A case is made of pictures" in test.error[0].value
    assert case_store.cases() == []


def test_a_picture_is_removed_until_somebody_has_decided_on_it() -> None:
    case_id = cases.make([cases.field(), cases.single(seed=1)])
    first, second = case_store.get(case_id).pictures
    test = open_case(case_id, "Pictures")
    test.button(key=f"remove_{second.id}").click().run()
    assert [picture.id for picture in case_store.get(case_id).pictures] == [first.id]
    review.decide(cases.SECOND, case_id, "HEM", cases.versions(case_store.get(case_id), 1))
    test.button(key=f"remove_{first.id}").click().run()  # the page does not know of it yet
    assert "reader two has decided cells of" in test.error[0].value
    assert not [one for one in test.button if one.key == f"remove_{first.id}"]


def test_what_is_known_of_pictures_is_said_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped_run("demo-colour-bands")
    asked: list[dict[str, object]] = []

    def read(*args: object, **said: object) -> object:
        asked.append(said)
        return cases.field(seed=len(asked) + 5)

    monkeypatch.setattr(new_case.intake, "read", read)
    test = open_page("cases", **TYPED)
    test.file_uploader[0].upload("one.png", b"1", "image/png")
    test.selectbox(key="kind_new").set_value(new_case.AS_FIELDS)
    test.number_input(key="scale_new").set_value(40.0)
    button(test, "Read and keep").click().run()
    assert "A pixel covers 40 µm; it can be" in test.error[0].value and asked == []
    test.file_uploader[0].upload("one.png", b"1", "image/png")
    test.number_input(key="scale_new").set_value(0.25)
    button(test, "Read and keep").click().run()
    assert asked == [{"as_field": True, "um_per_px": 0.25}]


def test_a_deleted_case_is_said_to_be_gone() -> None:
    test = open_case("0" * 32, "Review")
    assert "There is no case" in test.error[0].value


def test_a_reader_may_not_sign_or_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLASTLENS_ROLES_CLAIM", "roles")
    case_id = cases.make()
    settled(case_id)
    for role, may in ((READER_ROLE, False), (SUPERVISOR, True)):
        test = open_page("cases", logged_in(roles=[role]), step="Verdict and signature")
        test.query_params["case"] = case_id
        test.run()
        signs = next(one for one in test.button if one.label.startswith("Sign as Ada"))
        assert signs.disabled is not may
