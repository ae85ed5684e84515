"""From a lasso on the map of a data set to the cells that it picked."""

import re
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CELLS
from tests.factories.served import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the system has no chromium; install it to run the browser test"
)
# How many points of the map lie left of `share` of its width.
_LEFT = """(share) => {
  const map = document.querySelector(".js-plotly-plot"), axis = map._fullLayout.xaxis;
  return map._fullData.flatMap((trace) => [...trace.x])
    .filter((x) => axis.d2p(x) < share * axis._length).length;
}"""


def test_a_lasso_picks_the_cells_within_it(chromium: "Browser", app_url: str) -> None:
    from playwright.sync_api import expect

    page = chromium.new_page(viewport={"width": 1280, "height": 1400})
    page.goto(f"{app_url}/dataset?view=Map")
    place = page.locator(".js-plotly-plot .nsewdrag").first
    place.wait_for(timeout=90_000)
    expect(page.get_by_text("Draw around some on the map")).to_be_visible(timeout=30_000)
    place.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # till the map has its size
    box = place.bounding_box()
    assert box is not None
    left, top, right, low = (
        box["x"],
        box["y"],
        box["x"] + box["width"],
        box["y"] + box["height"],
    )
    middle = left + 0.5 * box["width"]
    page.mouse.move(left + 1, top + 1)
    page.mouse.down()
    for x, y in (
        (middle, top + 1),
        (middle, low - 1),
        (left + 1, low - 1),
        (left + 1, top + 2),
    ):
        page.mouse.move(x, y, steps=10)
    page.mouse.up()
    inside = page.evaluate(_LEFT, 0.5)
    assert 0 < inside < CELLS and right > middle
    expect(page.get_by_text(f"{inside} of {CELLS} images")).to_be_visible(timeout=30_000)
    # Whoever opens its address sees the same.
    twin = chromium.new_page(viewport={"width": 1280, "height": 1400})
    twin.goto(page.url)
    expect(twin.get_by_text(f"{inside} of {CELLS} images")).to_be_visible(timeout=90_000)
    expect(twin.locator(".js-plotly-plot .selectionlayer path").first).to_be_attached()
    twin.close()
    # The picture of a tile can be enlarged, so it is a button of that name without the sign.
    picked = page.get_by_role("button", name=re.compile(r"[▲●] .* · No\. "))
    expect(picked).to_have_count(min(14, inside))
    picked.first.click()
    expect(page.get_by_role("dialog")).to_be_visible(timeout=30_000)
    page.close()
