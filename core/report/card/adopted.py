"""Sections of a model card on the network and the training of a model from elsewhere."""

from core.report import adoption as words
from core.report.card.items import CardContext, Item, fact, gap, recorded, table
from core.runs.adoption import Adoption


def model(context: CardContext, adoption: Adoption) -> list[Item]:
    """The file it came in, how it is fed, and what came of the other ways."""
    geometry, training = context.run.geometry, context.metrics.training
    return [
        fact("Architecture", "Unknown: a graph of operations from elsewhere."),
        recorded(training.parameters, "Parameters", lambda number: f"{number:,}"),
        fact("Origin of the weights", words.origin(adoption)),
        fact(
            "Preprocessing",
            f"The middle {geometry.window} x {geometry.window} pixels, area-averaged to "
            f"{geometry.size} x {geometry.size}. {words.feeding(adoption)}",
        ),
        table("Ways to feed it, as tried", words.COLUMNS, words.rows(adoption)),
        fact("Output", "The log-odds of ALL, of its outputs as they are named above."),
        fact("Heat maps", adoption.no_map or "Of its last feature map, found in its graph."),
        recorded(
            training.engine_logit_difference,
            "Exported engine",
            lambda gap: f"Differs from the Keras model by at most {gap:.2g} in log-odds.",
        ),
    ]


def training(context: CardContext, adoption: Adoption) -> list[Item]:
    """What is stated of the training, which was not seen."""
    if adoption.statement is None:
        remedy = f'State it: python -m core trained-elsewhere {context.run.run_id} "WORDS"'
        known = gap("Trained on", words.training(adoption), remedy)
    else:
        known = fact("Trained on", words.training(adoption))
    return [known, fact("Settings", "Unknown: it was not trained by BlastLens.")]
