"""Published results on C-NMC 2019, each with its protocol and source.

A result is `verified` if it was read in the source or its abstract; others are marked wherever they
are shown.
"""

from dataclasses import dataclass

UNVERIFIED = "source not seen"


@dataclass(frozen=True)
class Published:
    """A published number.

    metric: of `core.metrics.classification.NAMES`. architecture: the key of this design in the
    catalogue, or "". subject_level: whether training and test share no patient.
    """

    name: str
    metric: str
    value: float
    measured_on: str
    subject_level: bool
    source: str
    url: str = ""
    verified: bool = False
    architecture: str = ""
    remark: str = ""

    @property
    def cited(self) -> str:
        """The source, or that it could not be checked."""
        return f"{self.source} {self.url}".strip() if self.verified else UNVERIFIED


_STUDY = "1,000 images of C-NMC 2019, split by image: patients on both sides"
_WINNER = (
    "Pan, Liu, Xia, Shen: Neighborhood-Correction Algorithm for Classification of Normal and "
    "Malignant Cells. In: Gupta, Gupta (eds.), ISBI 2019 C-NMC Challenge: Classification in Cancer "
    "Cell Imaging, Springer 2019, pp. 73-82"
)
_CODE = "https://github.com/YongshengPan/ISBI-NMC"

STUDY = tuple(
    Published(
        name=name,
        metric="accuracy",
        value=value,
        measured_on=_STUDY,
        subject_level=False,
        source="the original study of five networks",
        architecture=architecture,
        remark=remark,
    )
    for name, architecture, value, remark in (
        ("VGG16, transfer", "vgg16", 0.50, "no better than always ALL on balanced classes"),
        ("CNN-32", "cnn-32", 0.793, ""),
        ("CNN-16", "cnn-16", 0.779, ""),
        ("CNN with dropout", "cnn-dropout", 0.745, ""),
        ("EfficientNetB3, transfer", "efficientnet-b3", 0.98, "with a high loss"),
    )
)

SUBJECT_LEVEL = (
    Published(
        name="Winner of the challenge, final test",
        metric="weighted_f1",
        value=0.9104,
        measured_on="final test of the C-NMC challenge, 2,586 cells of 17 unseen subjects",
        subject_level=True,
        source=_WINNER,
        url=_CODE,
        verified=True,
    ),
    Published(
        name="Winner of the challenge, preliminary test",
        metric="weighted_f1",
        value=0.9250,
        measured_on="preliminary test of the C-NMC challenge, 1,867 cells of 28 unseen subjects",
        subject_level=True,
        source=_WINNER,
        url=_CODE,
        verified=True,
    ),
    Published(
        name="ResNeXt50 with squeeze and excitation",
        metric="weighted_f1",
        value=0.8891,
        measured_on="test set of the C-NMC challenge, unseen subjects",
        subject_level=True,
        source="Prellberg, Kramer: Acute Lymphoblastic Leukemia Classification from Microscopic "
        "Images using Convolutional Neural Networks, 2019, arXiv:1906.09020",
        url="https://arxiv.org/abs/1906.09020",
        verified=True,
    ),
    Published(
        name="EfficientNet-B1, 2026",
        metric="roc_auc",
        value=0.913,
        measured_on="trained in three subject-disjoint folds of 73 subjects; tested on the 1,867 "
        "preliminary cells of 28 unseen subjects",
        subject_level=True,
        source="Albzour: A Leakage-Aware Comparative Benchmark of Machine Learning, Deep Learning, "
        "and Transformer Models for Reliable Leukemia Detection, 2026, arXiv:2606.24944",
        url="https://arxiv.org/abs/2606.24944",
        verified=True,
    ),
)

RESULTS = (*STUDY, *SUBJECT_LEVEL)


def bars() -> dict[str, Published]:
    """Returns the subject-level result that `core.audit.plausibility` compares with, by metric.

    Of the winner it is the lower result, on the final test, because a false alarm costs less than a
    missed one.
    """
    winner, _, _, benchmark = SUBJECT_LEVEL
    return {result.metric: result for result in (winner, benchmark)}
