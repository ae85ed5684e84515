"""How a model is fed is found by trying: on networks that know the cells in one way only."""

from collections.abc import Callable

import numpy as np
import pytest

from core.adoption import trial
from core.adoption.trial import Meaning
from core.errors import ConfigError
from core.models.inputs import CONTRACTS, InputContract
from core.runs.adoption import ContractTrial, Wanted

SIDE = 8


def cells(number: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Noisy squares; those of blasts are a little redder."""
    rng = np.random.default_rng(0)
    labels = np.arange(number) % 2
    pixels = rng.integers(90, 130, (number, SIDE, SIDE, 3))
    pixels[..., 0] += (30 * labels)[:, None, None]
    return pixels.astype(np.uint8), labels


class Scores:
    """A network that knows the red of the cells, if they come as it expects them."""

    def __init__(self, contract: InputContract, read: Callable[[np.ndarray], np.ndarray]) -> None:
        pixels, _ = cells()
        fed = contract.apply(pixels)[..., 2 if contract.channels == "bgr" else 0].mean((1, 2))
        self.between, self.width = float(fed.mean()), float(np.ptp(fed))
        self.red = 2 if contract.channels == "bgr" else 0
        self.read = read

    def __call__(self, given: np.ndarray) -> dict[str, np.ndarray]:
        away = (given[..., self.red].mean(axis=(1, 2)) - self.between) / self.width
        # Far from what it knows it knows nothing.
        return {"scores": self.read(away * np.exp(-4 * away**2))}


def quiet(done: int, total: int) -> None: ...


@pytest.mark.parametrize("contract", CONTRACTS, ids=str)
@pytest.mark.parametrize("positive", [0, 1])
def test_the_way_that_it_was_trained_in_is_found(contract: InputContract, positive: int) -> None:
    sign = 1 if positive else -1
    scores = Scores(contract, lambda known: np.float32(sign * known[:, None]))
    choices = trial.meanings(1, Wanted())
    trials = trial.try_all(scores, *cells(), choices, quiet)  # type: ignore[arg-type]
    assert len(trials) == len(CONTRACTS)
    chosen = trial.choose(trials, Wanted())
    assert chosen.contract == contract
    assert chosen.positive == (positive,) and chosen.negative == (1 - positive,)
    assert chosen.roc_auc == 1.0 and chosen.balanced_accuracy == 1.0


def test_of_two_outputs_either_may_be_the_blast() -> None:
    contract = InputContract("0..1", "rgb")
    scores = Scores(contract, lambda known: np.float32(np.stack([known, -known], axis=1)))
    trials = trial.try_all(scores, *cells(), trial.meanings(2, Wanted()), quiet)  # type: ignore[arg-type]
    assert trial.choose(trials, Wanted()).positive == (0,)


def test_of_several_the_user_says_which_and_their_probabilities_are_added() -> None:
    with pytest.raises(ConfigError, match=r"4 outputs.*--positive-output"):
        trial.meanings(4, Wanted())
    (meaning,) = trial.meanings(4, Wanted(positive=(0, 3)))
    assert meaning == Meaning((0, 3), (1, 2))
    scores = np.log([[0.1, 0.2, 0.3, 0.4]])
    assert trial.logit(scores, meaning) == pytest.approx(np.log(0.5 / 0.5))
    (meaning,) = trial.meanings(4, Wanted(positive=(3,), negative=(0,)))
    assert trial.logit(scores, meaning) == pytest.approx(np.log(0.4 / 0.1))


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        (1, Wanted(positive=(2,))),
        (2, Wanted(positive=(0, 1))),
        (3, Wanted(positive=(0,), negative=(0, 1))),
        (3, Wanted(positive=(7,))),
    ],
)
def test_outputs_that_cannot_be_are_refused(outputs: int, wanted: Wanted) -> None:
    with pytest.raises(ConfigError):
        trial.meanings(outputs, wanted)


def test_what_the_user_says_is_not_overruled() -> None:
    wanted = Wanted(pixels="-1..1", channels="bgr", negative=(1,))
    scores = Scores(InputContract("0..255", "rgb"), lambda known: np.float32(known[:, None]))
    choices = trial.meanings(1, wanted)
    assert choices == [Meaning((0,), (1,))]
    trials = trial.try_all(scores, *cells(), choices, quiet)  # type: ignore[arg-type]
    assert trial.choose(trials, wanted).contract == InputContract("-1..1", "bgr")


def test_a_way_that_ranks_alike_and_calls_nothing_rightly_is_not_taken() -> None:
    """A wrong range often leaves the order of the cells, and moves all of them to one side."""

    def tried(pixels: str, roc_auc: float, right: float) -> ContractTrial:
        return ContractTrial(
            pixels=pixels,
            channels="rgb",
            positive=(1,),
            negative=(0,),
            roc_auc=roc_auc,
            balanced_accuracy=right,
            cross_entropy=1.0,
        )

    trials = [tried("0..1", 0.95, 0.5), tried("0..255", 0.94, 0.9), tried("-1..1", 0.90, 0.95)]
    assert trial.choose(trials, Wanted()).pixels == "0..255"


def test_scores_that_are_no_numbers_rank_nothing() -> None:
    def broken(known: np.ndarray) -> np.ndarray:
        return np.full((len(known), 1), np.nan, np.float32)

    scores = Scores(InputContract("0..1", "rgb"), broken)
    trials = trial.try_all(scores, *cells(), trial.meanings(1, Wanted()), quiet)  # type: ignore[arg-type]
    assert all(found.roc_auc is None for found in trials)
