"""Files and bytes become pictures through one door, or an upload error with a remedy."""

import io
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import images
from core.data.images import decode, encode
from core.data.synthetic.dataset import draw_cell
from core.errors import UploadError
from tests.factories.bad_images import write_bad_images
from tests.factories.small_pictures import encoded, small

ERRORS = {  # part of the message, and of the remedy
    "text.bmp": ("not an image", "Export"),
    "truncated.bmp": ("damaged or cut short", "Copy or export"),
    "header_only.bmp": ("damaged or cut short", "Copy or export"),
    "empty.bmp": ("0 bytes", "Copy or export"),
    "bomb.png": ("20000 x 20000", "Crop"),
    "animated.gif": ("GIF", "Export"),
    "still.gif": ("GIF", "Export"),
    "animated.png": ("3 pictures", "Export"),
    "float.tif": ("32-bit", "Export"),
    "tiny.png": ("8 x 8", "Export"),
    "long_text.png": ("damaged or cut short", "Copy or export"),
    "many_scans.jpg": ("more than 100 scans", "export"),
}
COLOUR = {  # allowed mean difference from the cell, in grey levels
    "cmyk.jpg": 3.0,
    "cmyk.tif": 0.0,
    "palette.png": 3.0,
    "transparent.png": 0.0,
    "sixteen_bit_rgb.png": 0.0,
    "sixteen_bit_rgb.tif": 0.0,
}
GREY = ("sixteen_bit.png", "sixteen_bit.tif")


@pytest.fixture(scope="module")
def cell() -> np.ndarray:
    return draw_cell(subject="1", cell=0, label=1, seed=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory, cell) -> dict[str, Path]:
    return write_bad_images(tmp_path_factory.mktemp("bad"), cell)


def test_every_bad_image_is_spoken_for(files):
    assert set(files) == {*ERRORS, *COLOUR, *GREY}


@pytest.mark.parametrize("name", ERRORS)
def test_an_unreadable_file_is_refused_in_one_line_with_its_name_and_a_remedy(files, name):
    with pytest.raises(UploadError) as caught:
        decode(files[name])
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    for part in ERRORS[name]:
        assert part in message


@pytest.mark.parametrize("shape", [(32, 3201), (3201, 32)])
def test_a_strip_is_refused_and_one_at_the_limit_is_not(shape):
    with pytest.raises(UploadError, match="100 times as long"):
        decode(encode(np.zeros((*shape, 3), np.uint8)))
    decode(encode(np.zeros((32, 3200, 3), np.uint8)))


@pytest.mark.parametrize("name", COLOUR)
def test_an_unusual_colour_file_comes_out_as_the_cell(files, cell, name):
    found = decode(files[name])
    assert found.dtype == np.uint8
    assert found.shape == cell.shape
    assert np.abs(found.astype(int) - cell).mean() <= COLOUR[name]


@pytest.mark.parametrize("name", GREY)
def test_sixteen_bit_grey_keeps_its_upper_bits(files, cell, name):
    found = decode(files[name])
    assert found.dtype == np.uint8
    assert found.shape == cell.shape
    assert np.abs(found - cell.mean(axis=2, keepdims=True)).max() <= 1


def test_a_bomb_is_refused_before_it_is_decoded(files):
    tracemalloc.start()
    try:
        with pytest.raises(UploadError):
            decode(files["bomb.png"])
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.process
def test_a_bomb_does_not_raise_the_memory_of_the_process(files):
    # Pillow's own buffers are invisible to tracemalloc, so a process of its own is weighed.
    code = (
        "import resource, sys; from pathlib import Path; from core.data.images import decode\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "try: decode(Path(sys.argv[1]))\n"
        "except Exception: pass\n"
        "print(peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(files["bomb.png"])],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(images.__file__).parents[2],
    )
    kilobytes = int(done.stdout) / (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 100 * 1024


def test_the_side_limits_include_their_bounds(tmp_path):
    smallest = np.zeros((32, 32, 3), np.uint8)
    assert decode(encode(smallest)).shape == (32, 32, 3)
    with pytest.raises(UploadError, match="31 x 32"):
        decode(encode(smallest[:, :31]))


def test_a_file_is_told_by_its_content_and_not_by_its_name(tmp_path, cell):
    path = tmp_path / "cell.jpg"
    path.write_bytes(encoded(Image.fromarray(cell), "BMP"))
    np.testing.assert_array_equal(decode(path), cell)


@pytest.mark.parametrize("kind", ["BMP", "PNG", "TIFF"])
def test_lossless_formats_round_trip_exactly_from_file_and_from_bytes(tmp_path, cell, kind):
    data = encoded(Image.fromarray(cell), kind)
    path = tmp_path / "cell"
    path.write_bytes(data)
    for found in (decode(path), decode(data)):
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, cell)


@pytest.mark.parametrize("width", [40, 41, 42, 43])
@pytest.mark.parametrize("top_down", [False, True])
def test_a_bmp_of_any_width_and_direction_comes_out_as_pillow_reads_it(width, top_down):
    rng = np.random.default_rng(width)
    shown = rng.integers(0, 256, (37, width, 3), np.uint8)
    data = bytearray(encoded(Image.fromarray(shown[::-1] if top_down else shown), "BMP"))
    if top_down:
        data[22:26] = (-37).to_bytes(4, "little", signed=True)
    with Image.open(io.BytesIO(data)) as read:
        np.testing.assert_array_equal(np.asarray(read.convert("RGB")), shown)
    np.testing.assert_array_equal(decode(bytes(data)), shown)
    with pytest.raises(UploadError, match="damaged or cut short"):
        decode(bytes(data[:-4]))


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "1"])
def test_a_bmp_of_another_depth_goes_through_pillow(mode):
    image = small().convert(mode)
    found = decode(encoded(image, "BMP"))
    with Image.open(io.BytesIO(encoded(image, "BMP"))) as read:
        np.testing.assert_array_equal(found, np.asarray(read.convert("RGB")))


def test_encode_round_trips_colour_and_grey(cell):
    np.testing.assert_array_equal(decode(encode(cell)), cell)
    grey = cell[:, :, 0]
    np.testing.assert_array_equal(decode(encode(grey)), np.dstack([grey] * 3))


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_exif_orientation_is_applied(orientation, upright):
    stored = np.asarray(small())[:40]
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(Image.fromarray(stored), "PNG", exif=exif))
    np.testing.assert_array_equal(found, upright(stored))


def test_half_transparent_pixels_are_laid_on_black():
    image = np.full((40, 40, 4), 200, np.uint8)
    image[:, :, 3] = 128
    assert np.abs(decode(encode(image)).astype(int) - 100).max() <= 1


def test_a_missing_file_and_a_folder_are_upload_errors(tmp_path):
    with pytest.raises(UploadError, match=r"gone\.bmp cannot be opened: No such file"):
        decode(tmp_path / "gone.bmp")
    with pytest.raises(UploadError, match="cannot be opened"):
        decode(tmp_path)


def test_a_file_over_the_byte_limit_is_refused_with_both_sizes(tmp_path, monkeypatch, cell):
    limits = replace(images.settings(), max_file_bytes=2**20)
    monkeypatch.setattr(images, "settings", lambda: limits)
    assert decode(encoded(Image.fromarray(cell), "BMP")).shape == cell.shape
    path = tmp_path / "large.bmp"
    path.write_bytes(bytes(3 * 2**20))
    for source in (path, path.read_bytes()):
        with pytest.raises(UploadError, match="3 MiB, more than the limit of 1 MiB"):
            decode(source, name="large.bmp")


def test_the_given_name_stands_in_the_message():
    with pytest.raises(UploadError, match=r"^slide 7\.png is empty"):
        decode(b"", name="slide 7.png")
    with pytest.raises(UploadError, match=r"^the upload is empty"):
        decode(b"")
