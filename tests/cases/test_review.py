import pytest

from core.cases import board, case_store, review, signing
from core.cases.labels import LABELS
from core.errors import CaseError, NotAllowedError, StaleError
from core.people import Person
from tests.factories import cases
from tests.factories.cases import READER, SECOND, versions

GUEST = Person("guest", roles=frozenset())


def labels(case_id: str) -> list[str | None]:
    return [cell.label for cell in case_store.get(case_id).cells]


@pytest.mark.parametrize("label", LABELS)
def test_cells_are_decided_together_and_the_decision_is_taken_back(label: str) -> None:
    case_id = cases.make()
    case = case_store.get(case_id)
    new = review.decide(READER, case_id, label, versions(case, 1, 3))
    assert labels(case_id) == [label, None, label, None, None]
    assert set(new.values()) == {1}
    assert case_store.get(case_id).cells[0].label_by == READER.name
    review.undo(READER, case_id)
    assert labels(case_id) == [None] * 5


def test_undo_goes_back_step_by_step_and_decides_nothing_of_others() -> None:
    case_id = cases.make()
    for label in ("ALL", "HEM", "other"):
        review.decide(READER, case_id, label, versions(case_store.get(case_id), 1))
    review.decide(SECOND, case_id, "ALL", versions(case_store.get(case_id), 2))
    seen = []
    while review.undo(READER, case_id):
        seen.append(labels(case_id)[0])
    assert seen == ["HEM", "ALL", None]
    assert labels(case_id)[1] == "ALL"
    review.decide(READER, case_id, "excluded", versions(case_store.get(case_id), 1))
    review.undo(READER, case_id)
    assert labels(case_id)[0] is None


def test_a_stale_decision_is_refused_with_what_changed_and_nothing_is_lost() -> None:
    case_id = cases.make()
    case = case_store.get(case_id)
    review.decide(READER, case_id, "HEM", versions(case, 1))
    with pytest.raises(StaleError, match=r"cell 1 of field\.png is HEM, by reader one at"):
        review.decide(SECOND, case_id, "ALL", versions(case, 1, 2))
    assert labels(case_id) == ["HEM", None, None, None, None]
    review.decide(SECOND, case_id, "ALL", versions(case, 2))
    review.decide(SECOND, case_id, "ALL", versions(case_store.get(case_id), 1))
    with pytest.raises(StaleError, match="reader two"):
        review.undo(READER, case_id)
    assert labels(case_id)[:2] == ["ALL", "ALL"]


def test_wrong_decisions_are_refused() -> None:
    case_id, other = cases.make(), cases.make(name="other")
    case = case_store.get(case_id)
    with pytest.raises(CaseError, match="Decisions are ALL, HEM"):
        review.decide(READER, case_id, "blast", versions(case, 1))
    with pytest.raises(CaseError, match="not of this case"):
        review.decide(READER, other, "ALL", versions(case, 1))
    with pytest.raises(CaseError, match="There is no case"):
        review.decide(READER, "nowhere", "ALL", versions(case, 1))
    with pytest.raises(NotAllowedError):
        review.decide(GUEST, case_id, "ALL", versions(case, 1))
    assert labels(case_id) == [None] * 5


def test_readers_of_a_blind_case_do_not_clash_and_differ_until_that_is_settled() -> None:
    case_id = cases.make(blind=True)
    case = case_store.get(case_id)
    review.decide(READER, case_id, "ALL", versions(case, 1, 2))
    review.decide(SECOND, case_id, "HEM", versions(case, 2))
    review.decide(SECOND, case_id, "ALL", versions(case, 1))
    case = case_store.get(case_id)
    assert [cell.number for cell in review.disagreements(case)] == [2]
    firsts = {(one.reader, one.first) for one in case.decisions}
    assert firsts == {("reader one", "ALL"), ("reader two", "HEM"), ("reader two", "ALL")}
    # A second look changes the decision, not what was decided blind.
    review.decide(READER, case_id, "other", versions(case, 1))
    kept = {one.first for one in case_store.get(case_id).decisions if one.reader == "reader one"}
    assert kept == {"ALL"}
    review.settle(SECOND, case_id, "HEM", versions(case_store.get(case_id), 1, 2))
    case = case_store.get(case_id)
    assert review.disagreements(case) == []
    assert [cell.label for cell in case.cells[:2]] == ["HEM", "HEM"]


def test_what_was_sent_to_review_is_seen_once() -> None:
    case_id = cases.make()
    case = case_store.get(case_id)
    review.see(READER, case_id, [cell.id for cell in case.cells])
    version = case_store.get(case_id).version
    review.see(SECOND, case_id, [cell.id for cell in case.cells])
    case = case_store.get(case_id)
    assert [cell.seen_by for cell in case.cells] == [None, None, READER.name, None, None]
    assert case.version == version


def test_a_signed_case_takes_no_decision() -> None:
    case_id = cases.make()
    case = case_store.get(case_id)
    review.see(READER, case_id, [cell.id for cell in case.cells])
    signing.sign(SECOND, case_id, case_store.get(case_id).version)
    for action in (
        lambda: review.decide(READER, case_id, "ALL", versions(case, 1)),
        lambda: review.undo(READER, case_id),
        lambda: case_store.add(READER, case_id, [cases.field(seed=1)]),
    ):
        with pytest.raises(CaseError, match="is signed"):
            action()


def test_the_board_has_the_largest_call_first_and_the_likeliest_blast_first() -> None:
    states = ("HEM", "ALL", "HEM", "review", "HEM", "refused", "ALL")
    case_id = cases.make([cases.field(states)])
    listed = board.listed(case_id, READER.name)
    rows = board.rows(listed)
    assert [title for title, _ in rows] == ["HEM (3)", "ALL (2)", "review (1)", "refused (1)"]
    shares = [cell.probability for cell in rows[0][1]]
    assert shares == sorted(shares, reverse=True)
    assert board.whole(listed.cells[0].id).picture.name == "field.png"


def test_the_board_of_a_blind_case_gives_the_calls_away_by_no_order() -> None:
    case_id = cases.make([cases.field(("HEM", "ALL", "review"))], blind=True)
    case = case_store.get(case_id)
    review.decide(READER, case_id, "ALL", versions(case, 1))
    ((title, cells),) = board.rows(board.listed(case_id, SECOND.name))
    assert title == "All cells"
    assert [(cell.number, cell.own) for cell in cells] == [(1, None), (2, None), (3, None)]
    assert board.listed(case_id, READER.name).cells[0].own == "ALL"


def test_what_is_sent_again_is_done_once() -> None:
    case_id = cases.make()
    first = case_store.get(case_id)
    cells = versions(first, 1)
    decided, undone = (review.Sent(digit * 32, first.version) for digit in "ab")
    made = review.decide(READER, case_id, "ALL", cells, decided)
    assert review.decide(READER, case_id, "ALL", cells, decided) == made
    review.decide(READER, case_id, "HEM", made)
    assert review.decide(READER, case_id, "ALL", cells, decided) == made
    assert labels(case_id)[0] == "HEM"
    own = review.Sent(undone.key, case_store.get(case_id).version)
    assert review.undo(READER, case_id, own) == review.undo(READER, case_id, own)
    assert labels(case_id)[0] == "ALL"
    kinds = [event.kind for event in case_store.events(case_id)][-3:]
    assert kinds == [review.DECIDED, review.DECIDED, review.UNDONE]
    with pytest.raises(CaseError, match="no key of an action"):
        review.Sent('%","', 1)
    with pytest.raises(CaseError, match="its version is that of no case"):
        review.Sent("c" * 32, 10**30)


def test_undo_takes_back_nothing_that_the_person_decided_elsewhere_unseen() -> None:
    case_id = cases.make()
    seen = case_store.get(case_id)
    here, elsewhere = (review.Sent(digit * 32, seen.version) for digit in "ab")
    review.decide(READER, case_id, "ALL", versions(seen, 1), here)
    undo = review.Sent("c" * 32, seen.version, own=frozenset({here.key}))
    review.decide(READER, case_id, "HEM", versions(seen, 2), elsewhere)
    with pytest.raises(StaleError, match="made elsewhere since you looked"):
        review.undo(READER, case_id, undo)
    assert labels(case_id)[:2] == ["ALL", "HEM"]
    review.undo(READER, case_id, review.Sent("d" * 32, case_store.get(case_id).version))
    review.undo(READER, case_id, undo)
    assert labels(case_id)[:2] == [None, None]
