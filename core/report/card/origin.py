"""Sections of a model card on what the model is, what it is for, and what it was made from."""

from core.report.card.items import CardContext, Item, date, fact, recorded, table
from core.runs.config import RunConfig
from core.runs.metrics import DatasetFacts

_COUNTS = ("images", "all", "hem", "subjects", "groups")


def identity(facts: CardContext) -> list[Item]:
    """Which run it is, and who answers for it."""
    run, status = facts.run, facts.run.status
    came = run.imported
    found = [
        fact("Model", f"{facts.entry.title}; run {run.run_id}"),
        fact("Trained", f"{date(status.started)} to {date(status.finished)}"),
        fact(
            "Task", "Calls one stained white cell on black ALL (leukemic blast) or HEM (healthy)."
        ),
        fact("Code", "BlastLens, MIT licence."),
    ]
    if came is not None:
        said = f"as {came.run} on {date(came.at)}; manifest SHA-256 {came.archive}"
        found.append(fact("Imported", said))
    return [*found, facts.said("contact"), facts.said("funding")]


def use(facts: CardContext) -> list[Item]:
    """What it is for, and what it is not for."""
    out = (
        "Diagnosis, screening, triage or any decision on a patient. It is no medical device. It "
        "knows single white cells on black in a Romanowsky stain, not whole smears, other stains, "
        "other cells or other diseases; an image of anything else means nothing to it."
    )
    if facts.dataset.synthetic:
        out += " It has seen drawn cells only: what it says of a real cell means nothing."
    return [
        fact("Intended use", "Research and teaching only, with every call checked by an expert."),
        facts.said("purpose"),
        facts.said("users"),
        fact("Out of scope", out),
    ]


def data(facts: CardContext) -> list[Item]:
    """The data set: where from, how many, what was left out."""
    about, parts = facts.dataset, facts.measured.protocol.parts
    drawn = "Drawn by a program. They show no patient." if about.synthetic else None
    rows = [
        (name, *(f"{getattr(parts[name], key):,}" for key in _COUNTS))
        for name in ("train", "validation", "test")
        if name in parts
    ]
    return [
        fact("Data set", f"{about.name}; fingerprint {about.fingerprint}"),
        facts.said("source", drawn),
        facts.said("citation", "None needed: synthetic." if drawn else _citation(about)),
        table("Cells and subjects", ("Part", "Cells", "ALL", "HEM", "Subjects", "Groups"), rows),
        fact("Sampling", _sampling(facts.config)),
        recorded(about.phases, "Phases", lambda x: ", ".join(f"{k} {n:,}" for k, n in x.items())),
        _linked(facts),
        recorded(about.duplicate_pairs, "Copies of images", lambda n: f"{n:,} pairs"),
        recorded(
            about.rejected,
            "Missing data",
            lambda n: (
                f"{n:,} files could not be used, and {about.unlabelled:,} cells have no "
                "label; both were left out. Nothing was imputed."
            ),
        ),
        facts.said("eligibility", drawn and "Does not apply: synthetic."),
        facts.said("acquisition", drawn and "Does not apply: synthetic."),
        facts.said("demographics", drawn and "Does not apply: synthetic."),
    ]


def _citation(about: DatasetFacts) -> str | None:
    if about.layout != "C-NMC 2019":
        return None
    return (
        "The files are laid out as C-NMC 2019. Where they are its cells: Gupta A, Gupta R. ALL "
        "Challenge dataset of ISBI 2019. The Cancer Imaging Archive, 2019, CC BY 3.0, "
        "doi:10.7937/tcia.2019.dc64i46r."
    )


def _sampling(asked: RunConfig) -> str:
    if asked.sample is None:
        return "All labelled cells of the split's phases."
    return f"{asked.sample:,} cells, {asked.balance} shares of the classes, seed {asked.seed}."


def _linked(facts: CardContext) -> Item:
    linked = facts.dataset.linked_subjects
    if linked is None:
        parts = facts.measured.protocol.parts.values()
        more = sum(part.subjects - part.groups for part in parts)
        said = f"{more} fewer groups than subjects, summed over the parts: so many share images."
        return fact("Linked subjects", said if more else "None.")
    said = "; ".join(", ".join(group) for group in linked)
    return fact("Linked subjects", f"Subjects that share images: {said}." if linked else "None.")


def reference(facts: CardContext) -> list[Item]:
    """Where the labels come from."""
    drawn = "The label is what the program was told to draw; there is no annotator and no doubt."
    return [
        facts.said("reference", drawn if facts.dataset.synthetic else None),
        fact("Classes", "ALL (positive, 1): leukemic blast. HEM (0): healthy white cell."),
    ]
