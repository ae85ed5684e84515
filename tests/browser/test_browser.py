"""The whole way in a real browser: start the app, upload a cell, see probability and overlay."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.data.images import encode
from tests.factories.served import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the system has no chromium; install it to run the browser test"
)


@pytest.mark.parametrize("width", [1280, 400])
def test_a_cell_is_uploaded_and_read(
    chromium: "Browser", app_url: str, demo_root: Path, width: int
) -> None:
    from playwright.sync_api import expect

    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    page = chromium.new_page(viewport={"width": width, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{app_url}/predict")
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=30_000)
    if width < 1000:  # narrower windows fold the navigation away, and have a bar of links
        expect(page.get_by_role("button", name="Menu", exact=True)).to_be_visible()
        bar = page.locator(".st-key-bar")
        bar.get_by_role("link", name="Home").click()
        expect(page.get_by_role("heading", name="BlastLens")).to_be_visible(timeout=30_000)
        bar.get_by_role("link", name="Predict").click()
        expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("link", name="Compare").last).to_be_visible()
    page.locator("input[type=file]").set_input_files(cell)
    expect(page.get_by_text("The model suggests")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Probability of ALL").first).to_be_visible()
    picture = page.get_by_label(f"The cell {cell.name}, ", exact=False)
    expect(picture.first).to_be_visible(timeout=30_000)
    # The badge comes after the reading.
    expect(page.get_by_text("eat map", exact=False).first).to_be_visible(timeout=30_000)
    why = page.locator("details").get_by_text("Why", exact=True)
    expect(why).to_be_visible(timeout=30_000)
    idle = page.locator('[data-test-script-state="notRunning"]')
    expect(idle).to_have_count(1, timeout=30_000)
    below = why.bounding_box()
    assert below is not None
    assert below["y"] + below["height"] < (800 if width > 1000 else 1.6 * 800)  # of scrolling
    if page.get_by_text("There is no heat map").count() == 0:
        page.get_by_text("Heat map", exact=True).first.click()
        expect(page.get_by_label(": heat map", exact=False).first).to_be_visible(timeout=30_000)
        page.keyboard.press("b")
        expect(page.get_by_label(": cell", exact=False).first).to_be_visible(timeout=30_000)
    why.click()
    expect(page.get_by_role("heading", name="Its heat map")).to_be_visible(timeout=30_000)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    page.close()
    assert errors == []


def test_many_files_are_read_into_a_table_from_which_each_is_shown(
    chromium: "Browser", app_url: str, demo_root: Path, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    cells = sorted(demo_root.rglob("*_all.bmp"))[:3]
    broken, photograph = tmp_path / "broken.png", tmp_path / "photograph.png"
    broken.write_bytes(b"no picture")
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    photograph.write_bytes(encode(noise))
    page = chromium.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    page.goto(f"{app_url}/predict")
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=30_000)
    page.locator("input[type=file]").set_input_files([broken, *cells, photograph])
    expect(page.get_by_text("1 of 5")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("broken.png was not read")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("2 of 5")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("The model suggests")).to_be_visible(timeout=30_000)
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name="Pictures (ZIP)").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert "readings.csv" in archive.namelist()
        assert sum(name.endswith("_cell.png") for name in archive.namelist()) == 3
    page.locator('[data-testid="stButtonGroup"]').get_by_text("not read").click()
    expect(page.get_by_text("1 of 2")).to_be_visible(timeout=30_000)
    more = [tmp_path / f"broken_{number}.png" for number in range(60)]
    for file in more:
        file.write_bytes(b"no picture")
    page.locator("input[type=file]").set_input_files(more)
    expect(page.get_by_text("1 of 62")).to_be_visible(timeout=30_000)
    block = page.get_by_test_id("stMainBlockContainer").bounding_box()
    scrolled = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
    assert block is not None
    assert scrolled <= block["height"] + 1, "the page scrolls on below its end"
    page.close()


def test_a_link_shows_the_same_cells_and_back_and_reload_keep_choices_and_uploads(
    chromium: "Browser", app_url: str, demo_root: Path
) -> None:
    from playwright.sync_api import expect

    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{app_url}/dataset?class=HEM&order=largest+first")
    first = page.get_by_role("button", name="● HEM · No.").first
    expect(first).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="▲ ALL · No.")).to_have_count(0)
    expect(page.get_by_role("button", name="Keys: ?")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(1000)  # till the keys are listened to
    for key, number in (("ArrowRight", 2), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        turned = page.get_by_role("button", name=f"Page {number}", exact=True)
        expect(turned).to_have_attribute("aria-current", "page", timeout=30_000)
    expect(first).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="Predict", exact=True).click()
    page.locator("input[type=file]").set_input_files(cell)
    expect(page.get_by_text("The model suggests")).to_be_visible(timeout=30_000)
    page.go_back()
    expect(first).to_be_visible(timeout=30_000)
    assert "order=largest+first" in page.url
    page.go_forward()
    kept = page.get_by_text(f"Kept: {cell.name}")
    expect(kept).to_be_visible(timeout=30_000)
    page.reload()
    expect(kept).to_be_visible(timeout=30_000)
    expect(page.get_by_text("The model suggests")).to_be_visible(timeout=30_000)
    stranger = chromium.new_page()
    stranger.goto(page.url)
    expect(stranger.get_by_role("heading", name="Predict")).to_be_visible(timeout=30_000)
    expect(stranger.get_by_text("or try a synthetic cell")).to_be_visible(timeout=30_000)
    expect(stranger.get_by_text(cell.name)).to_have_count(0)
    stranger.close()
    page.close()
