"""From uploaded pictures to a signed report that is checked, in a real browser."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.cases import case_store, chain, database, review
from core.cases.board import listed, rows
from core.data.images import encode
from core.data.synthetic.smear_field import draw_field
from core.report.case.check import check
from tests.factories import cases
from tests.factories.served import CHROMIUM, free_port, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the system has no chromium; install it to run the browser test"
)


STILL = '[data-test-script-state="notRunning"]'


def wait_for(page: "Page", holds: Callable[[], bool]) -> None:
    """Waits up to half a minute for what the app does."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_pictures_are_uploaded_gone_through_by_keys_signed_and_reported(
    chromium: "Browser", app_url: str, demo_root: Path, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    field = tmp_path / "field.png"
    field.write_bytes(encode(draw_field(seed=1, blasts=2, lymphocytes=1, size=(700, 900)).image))
    single = sorted(demo_root.rglob("*_all.bmp"))[0]
    errors: list[str] = []
    page = chromium.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{app_url}/cases")
    name = page.get_by_role("textbox", name="Your name").last
    expect(name).to_be_focused(timeout=30_000)
    name.fill("Dr One")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("textbox", name="Name of the case").fill("Smear", timeout=30_000)
    page.get_by_test_id("stForm").locator("input[type=file]").set_input_files([field, single])
    page.get_by_role("button", name="Read and keep").click()
    tiles = page.locator(".tile")
    expect(tiles.first).to_be_visible(timeout=60_000)
    (case,) = case_store.cases()
    count = len(case_store.get(case.id).cells)
    expect(tiles).to_have_count(count)

    order = [cell for _, row in rows(listed(case.id, "Dr One")) for cell in row]
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("1")  # two at once
    for _ in order[2:]:
        page.keyboard.press("2")
    page.keyboard.press("u")
    expect(page.get_by_text("1 of")).to_be_visible(timeout=30_000)
    expect(page.get_by_text(f"No. {order[-1].number} of").first).to_be_visible(timeout=30_000)

    def labels() -> list[str | None]:
        by_id = {cell.id: cell for cell in case_store.get(case.id).cells}
        return [by_id[cell.id].label for cell in order]

    # The page may say so sooner.
    wait_for(page, lambda: labels() == ["ALL", "ALL", *["HEM"] * (count - 3), None])

    page.get_by_text("Verdict and signature").click()
    page.get_by_role("button", name="Read the report").click()
    report = page.frame_locator("iframe[title='The report']")
    expect(report.get_by_text("DRAFT, not signed")).to_be_visible(timeout=60_000)
    assert report.locator("img").first.evaluate("it => it.naturalWidth") > 0
    assert page.locator("iframe[title='The report']").get_attribute("sandbox") == ""
    page.get_by_role("button", name="Verdict and signature").last.click()
    expect(page.get_by_text("Blasts among the cells that count")).to_be_visible(timeout=30_000)
    # A click on a button that the page is about to draw anew is lost.
    expect(page.locator(STILL)).to_have_count(1, timeout=30_000)
    page.get_by_role("button", name="Sign", exact=False).first.click()
    page.get_by_role("button", name="Sign as Dr One").click()
    expect(page.get_by_text("Dr One, 2")).to_be_visible(timeout=30_000)
    page.get_by_text("Report", exact=True).click()
    for button in ("PDF", "HTML"):
        with page.expect_download(timeout=60_000) as download:
            page.get_by_role("button", name=button).click()
        found = check(Path(download.value.path()).read_bytes())
        assert (found.findings, found.report.name) == ((), "Smear")
        assert [one.person for one in found.report.signatures] == ["Dr One"]
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        for part in ("Review", "Pictures", "What happened"):
            page.get_by_text(part, exact=True).click()
            page.wait_for_timeout(300)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, (part, width)
    page.close()
    assert errors == []
    with database.reading() as session:
        assert chain.verify(session).findings == ()
    case_store.delete(cases.SECOND, case.id)


def test_a_decision_by_somebody_else_is_not_overwritten(
    chromium: "Browser", workspace: Path, tmp_path: Path
) -> None:
    """In an app of its own, since the first address after a start may be any page."""
    from playwright.sync_api import expect

    case_id = cases.make([cases.field(("ALL", "ALL", "HEM"))])
    with serve(tmp_path / "server.log", free_port()) as url:
        page = chromium.new_page()
        page.goto(f"{url}/cases?case={case_id}")
        page.get_by_role("textbox", name="Your name").last.fill("Dr One", timeout=30_000)
        page.get_by_role("button", name="Go on").click()
        expect(page.locator(".tile").first).to_be_visible(timeout=30_000)
        first = rows(listed(case_id, "Dr One"))[0][1][0]
        review.decide(cases.SECOND, case_id, "other", {first.id: first.version})
        page.keyboard.press("1")
        expect(page.get_by_text("Somebody has decided since you looked")).to_be_visible(
            timeout=30_000
        )
        expect(page.get_by_text("Page not found")).to_have_count(0)
        expect(page.locator(".tile .label").first).to_have_text("other")
        page.close()
    decided = [cell.label for cell in case_store.get(case_id).cells if cell.id == first.id]
    assert decided == ["other"]
    case_store.delete(cases.SECOND, case_id)


def test_a_key_goes_to_what_has_the_focus_and_decides_once(
    chromium: "Browser", app_url: str
) -> None:
    from playwright.sync_api import expect

    case_id = cases.make([cases.field(("HEM", "HEM", "HEM", "HEM"))])
    page = chromium.new_page()
    page.goto(f"{app_url}/cases?case={case_id}")
    page.get_by_role("textbox", name="Your name").last.fill("Dr One", timeout=30_000)
    page.get_by_role("button", name="Go on").click()
    rename = page.get_by_role("button", name="Rename")
    labels = page.locator(".tile .label")
    expect(labels.first).to_be_attached(timeout=30_000)

    def decided(*expected: str) -> None:
        expect(labels).to_have_text([*expected, *[""] * (4 - len(expected))])

    rename.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stPopoverBody")).to_be_visible(timeout=30_000)
    page.keyboard.press("1")  # into the dialog that is open
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    decided()
    page.evaluate("document.activeElement.blur()")
    for _ in range(3):
        page.keyboard.down("1")  # held
    page.keyboard.up("1")
    decided("ALL")
    page.keyboard.press("U")
    decided()
    page.get_by_role("button", name="other").click()
    page.keyboard.press("Enter")  # what the model called, though a button was clicked
    decided("other", "HEM")
    page.get_by_role("button", name="no cell").focus()
    page.keyboard.press("Enter")
    decided("other", "HEM", "no cell")

    def undecided() -> int:
        return [one.label for one in case_store.get(case_id).cells].count(None)

    page.get_by_role("link", name="Models").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/models")
    wait_for(page, lambda: undecided() == 1)  # what is left at once is stored from there
    page.close()
    case_store.delete(cases.SECOND, case_id)


@pytest.mark.parametrize("way", ["another page", "a reload"])
def test_a_decision_is_stored_though_its_page_is_left_before(
    chromium: "Browser", app_url: str, way: str
) -> None:
    from playwright.sync_api import expect

    case_id = cases.make([cases.field(("HEM",) * 4)])
    page = chromium.new_page()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(f"{app_url}/cases?case={case_id}")
    page.get_by_role("textbox", name="Your name").last.fill("Dr One", timeout=30_000)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".tile").first).to_be_visible(timeout=30_000)
    expect(page.locator(STILL)).to_have_count(1, timeout=30_000)

    def labels() -> list[str | None]:
        return [cell.label for cell in case_store.get(case_id).cells]

    with database.writing():  # nobody else can write meanwhile
        for key in "1123u":
            page.keyboard.press(key)
        expect(page.get_by_text("Saving 5")).to_be_visible(timeout=30_000)
        if way == "another page":
            page.get_by_role("link", name="Models").first.click()
            page.wait_for_url("**/models")
        else:
            page.reload(wait_until="commit")
        assert asked == (["beforeunload"] if way == "a reload" else [])
    wait_for(page, lambda: labels() == ["ALL", "ALL", "HEM", None])
    if way == "another page":
        page.go_back()
    expect(page.get_by_text("1 of 4 undecided", exact=True)).to_be_visible(timeout=30_000)
    done = [event.kind for event in case_store.events(case_id)]
    page.close()
    case_store.delete(cases.SECOND, case_id)
    assert [done.count(kind) for kind in (review.DECIDED, review.UNDONE)] == [4, 1]
