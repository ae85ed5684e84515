"""Judges whether a heat map may be believed, and says why."""

from dataclasses import asdict, dataclass

import numpy as np

from core.data.pixel_cache import IMAGE, said_of
from core.errors import DataError
from core.explain import faithfulness
from core.explain.faithfulness import Deletion
from core.explain.heat_map import HeatMap, HeatMapMethod, View
from core.explain.overlay import resize_heat
from core.metrics.estimate import Estimate

NO_PLACES = (
    "The features of this network have no places, so no heat map can be drawn of them. Occlusion "
    "draws one without them: it covers parts of the image and watches the model."
)
SUPPORTED, WEAK, UNRELIABLE = "supported", "weak", "do not rely on it"

# The share of 20 random orderings that a map beats; one that marks nothing in particular beats all
# of them in about one case of 20, and four fifths in one of four.
CLEAR, SLIGHT = 1.0, 0.8
# A rank correlation of 0.7 means that half of the order (its square) arises without learning; one
# of 0.5, that a quarter does.
UNLEARNED, PARTLY_UNLEARNED = 0.7, 0.5
INSIDE_CELL = 0.5  # least share of the heat on the cell
OFF_CELL = 0.5  # largest heat on black background, where the hottest spot has 1
CHANCE = 0.5  # ROC AUC of a coin
# Networks of random weights rank cells better than a coin, or worse, by how dark they are: the ends
# of the intervals of their ROC AUC reached from 0.13 to 0.75 in ten such networks on the demo set,
# and the lower end of one turned round would be 0.69.
UNTRAINED = 0.7


@dataclass(frozen=True)
class Figures:
    """The measures that a judgement rests on.

    inside_cell: the share of heat on the cell, 0..1. off_cell_peak: the largest heat on the black
    border, 0..1. agreement: rank correlation with maps of heads that have learned nothing, -1..1.
    deletion: areas compared with random orderings.
    """

    inside_cell: float
    off_cell_peak: float
    agreement: float
    deletion: Deletion


@dataclass(frozen=True)
class Judgement:
    """A badge (`SUPPORTED`, `WEAK` or `UNRELIABLE`) and the reason in a sentence.

    method is the key of the map's method; figures are None if there was no map to measure.
    """

    method: str
    badge: str
    reason: str
    figures: Figures | None

    @property
    def supported(self) -> bool:
        """Whether the map may be shown unasked."""
        return self.badge == SUPPORTED

    @property
    def stamp(self) -> str:
        """What a picture of the map must say of itself; "" of one that may be believed."""
        if self.reason == NO_PLACES:
            return "NO HEAT MAP"
        return "" if self.supported else f"HEAT MAP: {self.badge.upper()}"

    def to_json(self) -> dict[str, object]:
        """The badge's reason and the main figure, as the command line prints them."""
        return {
            "method": self.method,
            "inside_cell": self.figures.inside_cell if self.figures else None,
            "trusted": self.supported,
            "reason": self.reason,
        }

    def details(self) -> dict[str, object]:
        """The badge and all figures."""
        return {"badge": self.badge, "figures": asdict(self.figures) if self.figures else None}


def judge(
    view: View,
    heat: HeatMap,
    method: HeatMapMethod,
    call: str,
    mask: np.ndarray,
    skill: Estimate | None,
    *,
    image: np.ndarray | None = None,
) -> Judgement:
    """Judges the map `heat`, by `method` for `call`, of the cell in `mask`, bool (S, S).

    For a model that sees whole images, `mask` is of all white cells in one and `image`, bool (S,
    S), of what is not black around it. `skill` is the model's ROC AUC on subjects that it has not
    seen, None if nobody knows it. A map can be true to a model that has learned nothing: random
    weights draw maps that pass every test of the map alone. Random orderings and shuffled heads are
    seeded: the same input gives the same judgement. Raises `DataError` if the mask is empty.
    """
    if not mask.any():
        raise DataError(
            "The outline is empty: there is no cell to judge a heat map by. Give one that "
            "encloses a cell."
        )
    if not heat.has_places:
        return Judgement(method.key, UNRELIABLE, NO_PLACES, None)
    if not heat.has_evidence:
        reason = f"No part of the image speaks for {call} to this model."
        return Judgement(method.key, UNRELIABLE, reason, None)
    figures = Figures(
        inside_cell=faithfulness.inside_share(resize_heat(heat.values, mask.shape), mask),
        off_cell_peak=faithfulness.off_cell_peak(heat, mask if image is None else image),
        agreement=faithfulness.agreement_with_shuffled(view, heat, method, call, mask),
        deletion=faithfulness.deletion(view, heat, call, mask),
    )
    if image is None:
        return Judgement(method.key, *_weigh(figures, call, skill, _ON_CELL), figures)
    badge, reason = _weigh(figures, call, skill, _ON_CELLS)
    return Judgement(method.key, badge, said_of(reason, IMAGE), figures)


# Where the heat has to lie, and where it lies if it does not.
_ON_CELL = ("the cell", "is on empty background")
_ON_CELLS = ("the white cells", "lies beside them")


def _weigh(
    figures: Figures, call: str, skill: Estimate | None, places: tuple[str, str] = _ON_CELL
) -> tuple[str, str]:
    """The badge and the gravest objection to the map, or what speaks for it."""
    ranking = skill.interval if skill else None
    auc = "{:.2f} to {:.2f}".format(*ranking) if ranking else "unknown"
    inside, share = f"{figures.inside_cell:.0%} of the heat", figures.deletion.beaten
    beaten = f"{share:.0%} of random orders"
    objections = (
        (
            ranking is not None and ranking[0] <= CHANCE,
            UNRELIABLE,
            "The model ranks cells of unseen subjects no better than chance (95% interval of its "
            f"ROC AUC {auc}): it has learned nothing that a heat map could show.",
        ),
        (
            figures.inside_cell < INSIDE_CELL,
            UNRELIABLE,
            f"Only {inside} lies on {places[0]}; the rest {places[1]}.",
        ),
        (
            figures.off_cell_peak > OFF_CELL,
            UNRELIABLE,
            "The black corners or border glow: the network makes that heat itself, where it pads "
            "the image.",
        ),
        (
            figures.agreement >= UNLEARNED,
            UNRELIABLE,
            "With a last layer that has learned nothing the network draws much the same map "
            f"(likeness {figures.agreement:.2f} of 1).",
        ),
        (
            share < SLIGHT,
            UNRELIABLE,
            f"Covering what it marks lowers the evidence for {call} more than {beaten} do: no "
            "better than chance.",
        ),
        (
            share < CLEAR,
            WEAK,
            f"Covering what it marks lowers the evidence for {call} more than {beaten} do: chance "
            "cannot be ruled out.",
        ),
        (
            figures.agreement >= PARTLY_UNLEARNED,
            WEAK,
            "With a last layer that has learned nothing the network draws a map somewhat like it "
            f"(likeness {figures.agreement:.2f} of 1).",
        ),
        (
            ranking is not None and ranking[0] <= UNTRAINED,
            WEAK,
            "The model does not rank cells of unseen subjects clearly better than networks that "
            f"have learned nothing (95% interval of its ROC AUC {auc}; theirs reach "
            f"{UNTRAINED:.1f}).",
        ),
        (
            ranking is None,
            WEAK,
            "It was not measured whether the model tells the classes apart on subjects that it "
            "has not seen.",
        ),
    )
    for holds, badge, reason in objections:
        if holds:
            return badge, reason
    return SUPPORTED, (
        f"Covering what it marks lowers the evidence for {call} more than all random orders do; "
        f"{inside} lies on {places[0]}, and with a last layer that has learned nothing "
        "the network draws another map."
    )
