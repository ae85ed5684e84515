"""Which heat map suits a network, and what is said of it."""

import pytest

from core.errors import ConfigError
from core.explain.suited import suited
from core.models import catalog


@pytest.mark.parametrize(
    ("architecture", "method"),
    [
        ("compact", "grad-cam"),
        ("colour-bands", "grad-cam"),
        ("vgg16", "grad-cam"),
        ("cnn-16", "hires-cam"),
        ("cnn-dropout", "hires-cam"),
    ],
)
def test_the_head_decides_which_map_is_drawn(architecture: str, method: str) -> None:
    assert suited(architecture).method == method


def test_each_architecture_has_a_map_and_only_weights_by_position_a_caution() -> None:
    cautioned = {key for key in catalog.ARCHITECTURES if suited(key).caution}
    flat = {key for key, entry in catalog.ARCHITECTURES.items() if entry.head == "flat"}
    assert cautioned == flat == {"cnn-32", "cnn-16", "cnn-dropout"}
    assert "first order" in suited("vgg16").why and "first order" not in suited("compact").why


def test_a_chosen_map_is_said_to_be_chosen_and_what_would_suit() -> None:
    suits = suited("cnn-16")
    assert suits.sentence("hires-cam").startswith("Drawn by HiResCAM: ")
    chosen = suits.sentence("layer-cam")
    assert chosen.startswith("Drawn by LayerCAM, as chosen. HiResCAM suits it: ")
    covered = suits.sentence("occlusion")
    assert covered.startswith("Drawn by Occlusion, as chosen: ") and "HiResCAM" not in covered


def test_no_map_is_guessed_for_an_architecture_that_the_catalogue_lacks() -> None:
    with pytest.raises(ConfigError, match="architecture is 'resnet'; it can be cnn-32"):
        suited("resnet")
