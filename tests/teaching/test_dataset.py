"""Decided cells of cases as a data set."""

import pytest

from core import storage
from core.cases import case_store, pictures
from core.cases.labels import ALL, EXCLUDED, HEM, OTHER
from core.cells.scale import UM_PER_PX
from core.data import datasets
from core.data.images import decode
from core.data.layouts import Labelling
from core.errors import CaseError, ConfigError, DataError, NotAllowedError
from core.people import Person
from core.teaching import dataset, decided
from tests.factories.archives import shipped_run
from tests.factories.decided_cells import SUPERVISOR, CaseMaker, both


@pytest.mark.slow
def test_decided_cells_are_an_indexed_data_set_grouped_by_case(make_case: CaseMaker) -> None:
    cases = [make_case(f"Patient {number}", both(2)) for number in range(3)]
    written = dataset.write(SUPERVISOR, decided.collect(cases), "march")
    index = datasets.index(written.root)
    assert written.root in datasets.known() and index.name == "march"
    assert written.root == storage.datasets_dir() / "march"
    assert index.labelled()["label"].tolist().count(1) == 6 and len(index.cells) == 12
    assert set(index.cells["subject"]) == set(index.cells["group"])
    assert set(index.cells["subject"]) == {dataset.subject_of(case) for case in cases}
    assert index.rejected.empty
    names = " ".join(path.as_posix() for path in written.root.rglob("*"))
    assert "Patient" not in names
    assert "Patient" not in (written.root / "dataset.json").read_text(encoding="utf-8")
    case = case_store.get(cases[0])
    kept = decode(pictures.load(case.id, case.cells[0].files["cut"]), "cell")
    file = written.root / "all" / f"UID_c{case.id[:11]}_1_1_all.png"
    assert (decode(file) == kept).all()


def test_the_names_are_those_of_c_nmc_and_a_case_with_both_classes_stays_one_subject(
    make_case: CaseMaker,
) -> None:
    case_id = make_case("mixed", both(2))
    root = dataset.write(SUPERVISOR, decided.collect([case_id])).root
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    assert paths == [
        f"{label}/UID_c{case_id[:11]}_{picture}_1_{label}.png"
        for label, pictures in (("all", (1, 3)), ("hem", (2, 4)))
        for picture in pictures
    ]
    index = datasets.index(root)
    assert set(index.cells["subject"]) == {dataset.subject_of(case_id)} and index.rejected.empty
    (root / "labels.csv").unlink()  # names alone are enough for who knows them
    again = datasets.index(datasets.add(str(root), labelling=Labelling(pattern="C-NMC")))
    assert set(again.cells["subject"]) == {dataset.subject_of(case_id)}
    assert sorted(again.cells["label"]) == [0, 0, 1, 1]


@pytest.mark.slow
def test_what_cannot_be_taught_is_left_out_and_counted(make_case: CaseMaker) -> None:
    make_case("unsigned", both(1), sign=False)
    mixed = make_case("mixed", [ALL, HEM, OTHER, EXCLUDED, None])
    make_case("adapted", both(2), adapted=True)
    make_case("edge", [HEM], code="border")
    found = decided.collect([case.id for case in case_store.cases()])
    assert {cell.case_id for cell in found.cells} == {mixed}
    assert found.labels.tolist() == [1, 0]
    assert found.left_out == {
        decided.NOT_SIGNED: 2,
        decided.ADAPTED: 4,
        decided.OTHERWISE: 2,
        decided.NOT_DECIDED: 1,
        decided.CUT_OFF: 1,
    }
    everything = decided.collect([case.id for case in case_store.cases()], open_too=True)
    assert len(everything.cells) == 4 and decided.NOT_SIGNED not in everything.left_out


@pytest.mark.slow
def test_the_scale_is_that_of_the_model_that_read_and_one_alone() -> None:
    shipped_run("demo-colour-bands")
    read = CaseMaker(run="demo-colour-bands")("read", both(3))
    other = CaseMaker(run="gone")("other", both(1))
    found = decided.collect([read, other])
    assert found.um_per_px == pytest.approx(UM_PER_PX)
    assert set(found.groups) == {read} and found.left_out == {decided.OTHER_SCALE: 2}
    written = dataset.write(SUPERVISOR, found)
    assert datasets.index(written.root).um_per_px == pytest.approx(UM_PER_PX)


def test_a_second_set_is_a_new_folder_and_a_deleted_case_is_found_in_both(
    make_case: CaseMaker,
) -> None:
    first, second = make_case("first", both(1)), make_case("second", both(1))
    early = dataset.write(SUPERVISOR, decided.collect([first]), "set")
    late = dataset.write(SUPERVISOR, decided.collect([first, second]), "set")
    assert [early.root.name, late.root.name] == ["set", "set-2"]
    case_store.delete(SUPERVISOR, first)
    assert dataset.datasets_with(first) == [early.root, late.root]
    assert dataset.datasets_with(second) == [late.root]
    with pytest.raises(CaseError, match="There is no case"):
        decided.collect([first])


def test_nothing_is_left_behind_if_it_cannot_be_written(make_case: CaseMaker) -> None:
    case_id = make_case("one", both(1))
    found = decided.collect([case_id])
    with pytest.raises(ConfigError, match="cannot name a data set"):
        dataset.write(SUPERVISOR, found, "../outside")
    with pytest.raises(NotAllowedError):
        dataset.write(Person("Reader"), found)
    with pytest.raises(DataError, match="No decided cell of these cases is ALL"):
        dataset.write(SUPERVISOR, decided.collect([make_case("healthy", [HEM])]))
    pictures.file(case_id, found.cells[0].digest).unlink()
    with pytest.raises(CaseError, match="gone"):
        dataset.write(SUPERVISOR, found, "set")
    assert list(storage.datasets_dir().glob("*")) == []
