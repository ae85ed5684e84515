"""What the page on cohorts keeps in memory."""

from functools import lru_cache

from core.cohort import browse
from core.cohort.browse import RowFilter, ShownRow
from core.cohort.cohort import Cohort
from core.data.geometry import letterbox
from core.data.images import encode

SIDE = 180  # pixels of a small picture

# Not Streamlit's caches: the values are never changed.


@lru_cache(maxsize=16)
def looked_through(
    cohort: Cohort, order: str, chosen: RowFilter, number: int, seed: int, written: float
) -> list[ShownRow]:
    """Rows of a cohort whose status was `written` then; see `core.cohort.browse.look`."""
    return browse.look(cohort, order, chosen, number, seed)


@lru_cache(maxsize=500)
def picture(cohort: Cohort, row: ShownRow) -> bytes:
    """A small PNG of the picture of a row. Raises `BlastLensError` if it cannot be read."""
    return encode(letterbox(browse.picture(cohort, row), SIDE))
