"""Makes a run of a model that was trained elsewhere, from its file to its metrics."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from core import storage
from core.adoption import request, trial
from core.data import datasets, splits
from core.data.geometry import Geometry
from core.data.pixel_cache import pixels
from core.evaluation import staining
from core.jobs.reporter import Reporter
from core.models.engine import Engine
from core.models.graph import anatomy, assembly
from core.models.graph.anatomy import Anatomy
from core.models.runtime import Compiled
from core.runs.adoption import Adoption, Converted
from core.runs.metrics import Training
from core.runs.run_store import ADOPTION, Run
from core.training import results

# A model file and a folder to what was found; writes `GRAPH` into the folder.
Converter = Callable[[Path, Path], Converted]
GRAPH = "model.xml"


def adopt(run: Run, reporter: Reporter, convert: Converter) -> None:
    """Adopts the model file of a run and writes the results into its folder.

    Its training part serves as reference, its validation part for calibration, as in training. How
    to feed the model is tried on cells of these two. Raises `core.errors.BlastLensError` with the
    sentence to show, or `Cancelled`.
    """
    config, adoption = run.config, request.of(run)
    with storage.scratch(run.path) as folder:
        reporter.phase("opening the model")
        found = convert(run.path / request.original(adoption.form), folder)
        model = anatomy.examine(anatomy.read(folder / GRAPH), adoption.wanted.size)
        trial.meanings(model.outputs, adoption.wanted)  # before minutes are spent on the data

        reporter.phase("indexing the data set")
        index = datasets.index(datasets.resolve(config.dataset), reporter.progress)
        parts = results.choose(index, run)
        results.save_split(run, parts)
        staining.fit_stain(index.root, parts, "none").write(run.stain_file)
        reporter.phase("decoding images", len(parts))
        geometry = Geometry(window=max(Geometry.window, model.size), size=model.size)
        array = pixels(index.root, parts, geometry, reporter.progress, inputs=config.inputs)

        reporter.phase("trying how to feed it")
        adoption = _try(adoption, model, parts, array, config.seed, reporter)
        reporter.phase("exporting")
        assert adoption.chosen is not None
        chosen = adoption.chosen
        engine, no_map = assembly.engine(model, chosen.contract, chosen.positive, chosen.negative)
        assembly.save(engine, run.engine_file)
    adoption.replace(no_map=no_map).write(run.path / ADOPTION)

    reporter.phase("measuring", len(array))
    trained = Engine(run.engine_file)
    logits, features = trained.predict(array, progress=reporter.progress)
    run.keep_history(0)  # nothing is known of its epochs
    facts = Training(
        parameters=found.parameters,
        engine_logit_difference=found.difference,
        tensorflow=found.tensorflow,
        keras=found.keras,
        devices={"engine": str(trained.placement)},
    )
    results.write(run, index, parts, geometry, logits, features, facts, trained, reporter)


def _try(
    adoption: Adoption,
    model: Anatomy,
    parts: pd.DataFrame,
    array: np.ndarray,
    seed: int,
    reporter: Reporter,
) -> Adoption:
    """The adoption with its trials, and the chosen one."""
    choices = trial.meanings(model.outputs, adoption.wanted)
    open_ = parts.reset_index(drop=True).query("split != 'test'")
    number = min(trial.CELLS, len(open_))
    rows = splits.sample(open_, number, balance="natural", seed=seed).index.to_numpy()
    labels = parts["label"].to_numpy()[rows]
    scores = Compiled(model.up_to_scores())
    trials = trial.try_all(scores, array[rows], labels, choices, reporter.progress)
    return adoption.replace(
        chosen=trial.choose(trials, adoption.wanted),
        trials=tuple(trials),
        cells=number,
        outputs=model.outputs,
        activation=model.activation,
    )
