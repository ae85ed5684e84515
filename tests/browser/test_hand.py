"""The hand of the benchmark of jobs counts what a person does, on a page made by hand."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.jobs.hand import VIEW, Hand
from tests.factories.served import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the system has no chromium; install it to run the browser test"
)
PAGE = """<body style="margin: 0" data-test-script-state="notRunning">
<div data-testid="stMain" style="height: 800px; overflow: auto">
  <h1>Two words</h1>
  <button onclick="said.textContent = 'and three more'">
    <span data-testid="stIconMaterial">home</span> Press</button>
  <p id="said"></p>
  <div style="height: 2000px"></div>
  <p id="low" style="height: 100px; margin: 0">Far below</p>
</div></body>"""


def test_clicks_words_and_screens_are_counted(chromium: "Browser", tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    page = chromium.new_page(viewport={"width": 1280, "height": VIEW})
    hand = Hand(page, tmp_path.as_uri())
    hand.open("page.html")
    assert hand.taken.words == 5  # two of the heading, Press, and two below
    hand.click(page.get_by_role("button"))
    assert (hand.taken.clicks, hand.taken.words, hand.clicks_ms) == (1, 5 + 8, [])
    hand.click(page.get_by_role("button"))  # shows what was shown already
    assert (hand.taken.clicks, hand.taken.words, hand.taken.screens) == (2, 13, 0.0)
    assert hand.read(page.locator("#low")) == "Far below"
    full = page.locator("[data-testid=stMain]").evaluate("it => it.scrollHeight")
    assert hand.taken.screens == pytest.approx((full - VIEW) / VIEW, abs=0.01)
    hand.press("a", "b")
    assert hand.taken.keys == 2
    page.close()
