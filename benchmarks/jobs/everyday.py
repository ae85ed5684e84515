"""Twelve everyday jobs, from Home to the end; what the app calls things stands here alone."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks.jobs.hand import CannotError, Hand
from benchmarks.jobs.prepared import Prepared

REVIEWED = 20
NAME = "Dr One"
Job = Callable[[Hand, Prepared], None]


def read_a_cell(hand: Hand, given: Prepared) -> None:
    """Drops one cell on Home; done when its call and probability are read."""
    cell = given.cells[0]
    hand.upload(hand.page.get_by_test_id("stFileUploader"), [cell])
    shown = hand.page.get_by_alt_text(cell.name).or_(hand.page.get_by_label(cell.name))
    hand.read(shown.first)
    hand.read(hand.page.get_by_text("The model suggests").first)


def read_many_cells(hand: Hand, given: Prepared) -> None:
    """Drops 30 cells on Home; done when the table is there and the first three are looked at."""
    hand.upload(hand.page.get_by_test_id("stFileUploader"), given.cells)
    hand.read(hand.page.get_by_text(f"1 of {len(given.cells)}"))
    hand.read(hand.page.get_by_test_id("stDataFrame").first)
    for place in (2, 3):
        hand.click(hand.page.get_by_role("button", name="Next"))
        hand.read(hand.page.get_by_text(f"{place} of {len(given.cells)}"))
        hand.read(hand.page.get_by_text("The model suggests").first)


def read_a_field(hand: Hand, given: Prepared) -> None:
    """Drops a field on Home; done when its counts and its likeliest blast are read."""
    hand.upload(hand.page.get_by_test_id("stFileUploader"), [given.field])
    hand.read(hand.page.get_by_text("Cells found").first)
    hand.click(hand.page.get_by_role("button", name=re.compile(r"^No\. \d+")).first)
    hand.read(hand.page.get_by_text("The model suggests").first)


def find_copies(hand: Hand, given: Prepared) -> None:
    """Looks through the copies of a data set; done when a cell is seen beside its copy."""
    hand.go("Dataset")
    hand.click(hand.page.get_by_role("tab", name="Copies"))
    hand.read(hand.page.get_by_alt_text("Where the two pictures differ"))


def train_and_stop(hand: Hand, given: Prepared) -> None:
    """Starts a training as it is proposed and stops it."""
    hand.go("Train")
    hand.click(hand.page.get_by_role("button", name="Start training"))
    hand.click(hand.page.get_by_role("button", name="Stop", exact=False).first)
    hand.read(hand.page.get_by_text(re.compile(": stopped$")).first)


def compare_runs(hand: Hand, given: Prepared) -> None:
    """Opens the comparison of the three shipped runs; done when verdict and table are read."""
    hand.go("Compare")
    hand.read(hand.page.get_by_text(re.compile("better|best", re.IGNORECASE)).first)
    hand.read(hand.page.get_by_test_id("stDataFrame").first)


def choose_operating_point(hand: Hand, given: Prepared) -> None:
    """Allows another share of missed blasts, and uses it."""
    hand.click(hand.page.get_by_role("link", name="When it calls a blast"))
    hand.take(hand.page.get_by_role("slider", name="Miss at most").first)
    hand.press(*["ArrowRight"] * 4)
    hand.read(hand.page.get_by_text("Now:").first)
    hand.click(hand.page.get_by_role("button", name="Use this operating point"))
    hand.read(hand.page.get_by_role("button", name="In use"))


def share_a_link(hand: Hand, given: Prepared) -> None:
    """Compares two runs of three; done when the address shows the same to somebody else."""
    hand.go("Compare")
    chosen = hand.page.get_by_test_id("stMultiSelect").first
    hand.click(chosen.get_by_role("button", name="Remove").first)
    mine = chosen.inner_text()
    if not urlsplit(hand.page.url).query:
        raise CannotError("the address of Compare does not say which runs are compared")
    other = Hand(hand.page.context.new_page(), hand.address)
    other.open(hand.page.url.removeprefix(f"{hand.address}/"))
    theirs = other.page.get_by_test_id("stMultiSelect").first.inner_text()
    other.page.close()
    if theirs != mine:
        raise CannotError(f"the address opens another comparison: {theirs!r}, not {mine!r}")


def review_a_case(hand: Hand, given: Prepared) -> None:
    """Decides 20 cells of a case by keys."""
    _open_case(hand, given)
    hand.read(hand.page.locator(".tile").first)
    hand.press(*["1"] * REVIEWED)
    hand.read(hand.page.get_by_text(re.compile(r"^\d+ of \d+ undecided")))


def print_a_report(hand: Hand, given: Prepared) -> None:
    """Takes the report of a case as PDF."""
    _open_case(hand, given)
    hand.click(hand.page.get_by_text("Report", exact=True))
    data = hand.download(hand.page.get_by_role("button", name="PDF"))
    if not data.startswith(b"%PDF"):
        raise CannotError("what came is no PDF")


def import_a_run(hand: Hand, given: Prepared) -> None:
    """Imports the archive of a run; done when it is said to be verified."""
    hand.go("Models")
    hand.click(hand.page.get_by_role("tab", name="Import"))
    hand.upload(hand.page.get_by_test_id("stFileUploader"), [given.archive])
    hand.read(hand.page.get_by_text("is verified"))


def add_a_data_set(hand: Hand, given: Prepared) -> None:
    """Names a folder; done when its cells are shown."""
    hand.go("Dataset")
    hand.click(hand.page.get_by_role("button", name="Add data"))
    hand.type(hand.page.get_by_role("textbox", name="Folder on this machine"), str(given.folder))
    hand.press("Enter")
    hand.read(hand.page.get_by_text(re.compile(r"^[\d,]+ of 6\d cells")))


def _open_case(hand: Hand, given: Prepared) -> None:
    hand.click(hand.page.get_by_role("link", name=given.case))
    hand.type(hand.page.get_by_role("textbox", name="Your name").last, NAME)
    hand.press("Enter")
    hand.read(hand.page.get_by_role("heading", name=given.case))


# Those that change what the others find come last.
JOBS: dict[str, Job] = {
    "cell": read_a_cell,
    "cells": read_many_cells,
    "field": read_a_field,
    "copies": find_copies,
    "compare": compare_runs,
    "link": share_a_link,
    "case": review_a_case,
    "report": print_a_report,
    "training": train_and_stop,
    "operating-point": choose_operating_point,
    "import": import_a_run,
    "data-set": add_a_data_set,
}
