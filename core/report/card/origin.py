"""Sections of a model card on identity, intended use, data and labels."""

from core.report.card.items import CardContext, Item, date, fact, recorded, table
from core.report.cell import real_cells
from core.runs import about
from core.runs.config import RunConfig
from core.runs.metrics import DatasetFacts

_COUNTS = ("images", "all", "hem", "subjects", "groups")


def identity(context: CardContext) -> list[Item]:
    """The run, its task and its contacts."""
    run, status = context.run, context.run.status
    record = run.imported
    items = [
        fact("Model", f"{about.called(run)}; {context.entry.title}; run {run.run_id}"),
        fact(
            "Adopted" if run.adoption else "Trained",
            f"{date(status.started)} to {date(status.finished)}",
        ),
        fact("Task", f"Calls {_sees(context.config)} ALL (leukemic blast) or HEM (healthy)."),
        fact("Code", "BlastLens, MIT licence."),
    ]
    if record is not None:
        sentence = f"as {record.run} on {date(record.at)}; manifest SHA-256 {record.archive}"
        items.append(fact("Imported", sentence))
    return [*items, context.text("contact"), context.text("funding")]


def use(context: CardContext) -> list[Item]:
    """Intended use and what is out of scope."""
    out_of_scope = (
        "Diagnosis, screening, triage or any decision on a patient. It is not a medical device. It "
        f"knows {_knows(context.config)}; an image of anything else means nothing to it."
    )
    return [
        fact("Intended use", "Research and teaching only, with every call checked by an expert."),
        context.text("purpose"),
        context.text("users"),
        fact("Out of scope", f"{out_of_scope} {real_cells.sentence(context.run)}".strip()),
    ]


def data(context: CardContext) -> list[Item]:
    """The data set: source, counts and exclusions."""
    dataset, parts = context.dataset, context.metrics.protocol.parts
    read = context.config.items.capitalize()
    synthetic = "Drawn by a program. They show no patient." if dataset.synthetic else None
    rows = [
        (name, *(f"{getattr(parts[name], key):,}" for key in _COUNTS))
        for name in ("train", "validation", "test")
        if name in parts
    ]
    return [
        fact("Data set", f"{dataset.name}; fingerprint {dataset.fingerprint}"),
        context.text("source", synthetic),
        context.text("citation", "None needed: synthetic." if synthetic else _citation(dataset)),
        table(f"{read} and subjects", ("Part", read, "ALL", "HEM", "Subjects", "Groups"), rows),
        fact("Sampling", _sampling(context.config)),
        recorded(dataset.phases, "Phases", lambda x: ", ".join(f"{k} {n:,}" for k, n in x.items())),
        _linked(context),
        recorded(dataset.duplicate_pairs, "Copies of images", lambda n: f"{n:,} pairs"),
        recorded(
            dataset.rejected,
            "Missing data",
            lambda n: (
                f"{n:,} files could not be used, and {dataset.unlabelled:,} "
                f"{context.config.items} have no label; both were left out. Nothing was imputed."
            ),
        ),
        context.text("eligibility", synthetic and "Does not apply: synthetic."),
        context.text("acquisition", synthetic and "Does not apply: synthetic."),
        context.text("demographics", synthetic and "Does not apply: synthetic."),
    ]


def _citation(dataset: DatasetFacts) -> str | None:
    if dataset.layout != "C-NMC 2019":
        return None
    return (
        "The files are laid out as C-NMC 2019. Where they are its cells: Gupta A, Gupta R. ALL "
        "Challenge dataset of ISBI 2019. The Cancer Imaging Archive, 2019, CC BY 3.0, "
        "doi:10.7937/tcia.2019.dc64i46r."
    )


def _sampling(config: RunConfig) -> str:
    if config.sample is None:
        return f"All labelled {config.items} of the split's phases."
    drawn = f"{config.sample:,} {config.items}"
    return f"{drawn}, {config.balance} shares of the classes, seed {config.seed}."


def _linked(context: CardContext) -> Item:
    linked = context.dataset.linked_subjects
    if linked is None:
        parts = context.metrics.protocol.parts.values()
        fewer = sum(part.subjects - part.groups for part in parts)
        text = f"{fewer} fewer groups than subjects, summed over the parts: so many share images."
        return fact("Linked subjects", text if fewer else "None.")
    text = "; ".join(", ".join(group) for group in linked)
    return fact("Linked subjects", f"Subjects that share images: {text}." if linked else "None.")


def reference(context: CardContext) -> list[Item]:
    """The source of the labels."""
    text = "The label is what the program was told to draw; there is no annotator and no doubt."
    return [
        context.text("reference", text if context.dataset.synthetic else None),
        fact("Classes", _classes(context.dataset)),
    ]


def _classes(dataset: DatasetFacts) -> str:
    if not dataset.classes:
        return "ALL (positive, 1): leukemic blast. HEM (0): healthy white cell."
    named = {
        label: ", ".join(name for name, own in dataset.classes.items() if own == label)
        for label in (1, 0, None)
    }
    left_out = f" Left out: {named[None]}." if named[None] else ""
    return f"ALL (positive, 1) is {named[1]}. HEM (0) is {named[0]}.{left_out}"


def _sees(config: RunConfig) -> str:
    if config.sees_whole_images:
        return "an image of stained white cells, as it is,"
    return "one stained white cell on black"


def _knows(config: RunConfig) -> str:
    if config.sees_whole_images:
        return (
            "images like those it was trained on, at their magnification and in their stain, not "
            "others"
        )
    return (
        "single white cells on black in a Romanowsky stain, not whole smears, other stains, other "
        "cells or other diseases"
    )
