"""Every page in the light and the dark theme: axe finds nothing serious, and all can be read."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.cases import case_store
from tests.factories import cases
from tests.factories.served import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the system has no chromium; install it to run the browser test"
)
PAGES = ("home", "dataset", "train", "tune", "compare", "predict", "cases", "cohorts", "models")
SERIOUS = ("serious", "critical")
ONLY = {"resultTypes": ["violations"]}  # axe describes no others
# Rules of axe by what Streamlit draws itself and nothing outside can mend.
OF_STREAMLIT: dict[str, tuple[str, ...]] = {}
# The least contrast of the words that are no picture with the page, and of those in figures.
_CONTRAST = """() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(Number).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const page = getComputedStyle(document.querySelector("[data-testid=stApp]"));
  const app = light(page.backgroundColor);
  const buttons = [...document.querySelectorAll("[data-testid^=stBaseButton-primary], [data-tag]")]
    .filter((it) => !it.disabled).map((it) => getComputedStyle(it))
    .map((it) => ratio(light(it.color), light(it.backgroundColor)));
  const ticks = [...document.querySelectorAll(".js-plotly-plot .xtick text")]
    .map((it) => ratio(light(getComputedStyle(it).fill), app));
  return { page: app, least: Math.min(21, ...buttons, ...ticks) };
}"""

# Whether several looks in a row found that the script has not run, and nothing was drawn, is to be
# or fades. Time alone tells nothing: a busy machine may take it between two steps of the page.
_SETTLED = """() => {
  const busy = !document.querySelector("[data-test-script-state=notRunning]") ||
    document.querySelector("[data-stale=true], [data-testid=stSkeleton]") ||
    [...document.querySelectorAll("[data-testid=stPlotlyChart]")]
      .some((it) => !it.querySelector(".main-svg")) ||
    document.getAnimations().some((it) =>
      it.playState === "running" && it.effect.getComputedTiming().endTime !== Infinity);
  if (!window.watched) {
    window.watched = new MutationObserver(() => { window.quiet = 0; });
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    window.watched.observe(document, all);
  }
  window.quiet = busy ? 0 : window.quiet + 1;
  return window.quiet > 4;
}"""


@pytest.fixture(scope="module")
def case_id(_workspace: Path) -> Iterator[str]:
    """A case with cells, in the shared workspace."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(_workspace))
        made = cases.make([cases.field(("ALL", "HEM"))])
        yield made
        case_store.delete(cases.SECOND, made)


@pytest.fixture(scope="module")
def page(chromium: "Browser", _served: tuple[str, Path]) -> "Iterator[Page]":
    """A window in which the pages are opened one after another."""
    opened = chromium.new_page(viewport={"width": 1280, "height": 800})
    opened.goto(_served[0])
    opened.get_by_role("heading", level=1).first.wait_for(timeout=60_000)
    yield opened
    opened.close()


def _open(page: "Page", url: str, name: str, demo_root: Path, case: str) -> None:
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"({_CONTRAST})().page > 0.9", polling=100)
    if name == "cases":
        page.goto(f"{url}/cases?case={case}")
    else:
        page.get_by_role("link", name=re.compile(rf"(^|\s){name}$", re.IGNORECASE)).first.click()
    title = "BlastLens" if name == "home" else name.capitalize()
    page.get_by_role("heading", level=1, name=title).wait_for(timeout=60_000)
    if name == "cases":
        page.get_by_role("textbox", name="Your name").last.fill("Dr One", timeout=30_000)
        page.get_by_role("button", name="Go on").click()
        page.locator(".tile").first.wait_for(timeout=60_000)
    if name == "predict":
        page.locator("input[type=file]").set_input_files(sorted(demo_root.rglob("*_all.bmp"))[0])
        page.get_by_text("The model suggests").wait_for(timeout=60_000)
    _settle(page)


def _settle(page: "Page") -> None:
    page.evaluate("window.quiet = 0")
    page.wait_for_function(_SETTLED, polling=100, timeout=60_000)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_serious_is_found_in_either_theme(
    page: "Page", app_url: str, demo_root: Path, case_id: str, name: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    _open(page, app_url, name, demo_root, case_id)
    assert page.title() == ("BlastLens" if name == "home" else f"{name.capitalize()} · BlastLens")
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(it => it.tagName)")
    assert levels.count("H1") == 1
    assert all(int(two[1]) <= int(one[1]) + 1 for one, two in pairwise(levels)), levels
    for scheme, dark in (("light", False), ("dark", True)):
        if dark:
            page.emulate_media(color_scheme="dark")
            page.wait_for_function(f"({_CONTRAST})().page < 0.05", polling=100)
            if name != "cases":  # where keys are labels; figures follow with a run of the script
                page.keyboard.press("r")
            _settle(page)
        found = [
            (one["id"], node["target"], node["any"][0]["message"] if node["any"] else "")
            for one in Axe().run(page, options=ONLY).response["violations"]
            if one["impact"] in SERIOUS
            for node in one["nodes"]
            if not any(part in str(node["target"]) for part in OF_STREAMLIT.get(one["id"], ()))
        ]
        assert found == [], scheme
        seen = page.evaluate(_CONTRAST)
        assert (seen["page"] < 0.05) == dark
        assert seen["least"] >= 4.5, scheme
