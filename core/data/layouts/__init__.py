"""Reads class, label, subject and part of every image of a data set, and says how it is laid out.

`recognise` chooses between C-NMC 2019 and a `Described` data set, whose facts come from folders,
file names or a table of labels, as its `Labelling` says.
"""

from core.data.layouts.labelling import Labelling
from core.data.layouts.layout import (
    LABELS,
    PHASES,
    ClassesUnknownError,
    Layout,
    PathFacts,
    UnlabelledError,
)
from core.data.layouts.recognise import recognise

__all__ = [
    "LABELS",
    "PHASES",
    "ClassesUnknownError",
    "Labelling",
    "Layout",
    "PathFacts",
    "UnlabelledError",
    "recognise",
]
