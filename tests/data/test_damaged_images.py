"""Damaged files are never anything but an upload error."""

import warnings

import numpy as np
import pytest
from PIL import Image

from core.data.images import decode
from core.errors import UploadError
from tests.factories.small_pictures import encoded, small


def _decode_or_refuse(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on broken EXIF
        try:
            found = decode(data, name="fuzz")
        except UploadError as error:
            assert "fuzz" in str(error)
            assert "\n" not in str(error)
        else:
            assert found.dtype == np.uint8
            assert found.ndim == 3


@pytest.mark.parametrize("kind", ["BMP", "PNG", "JPEG", "TIFF", "WEBP"])
def test_damaged_bytes_never_raise_anything_but_an_upload_error(kind):
    whole, rng = encoded(small(), kind), np.random.default_rng(3)
    for _ in range(200):
        data = bytearray(whole)
        if rng.random() < 0.4:
            del data[rng.integers(len(data)) :]
        else:  # headers are where it hurts
            reach = len(data) if rng.random() < 0.5 else min(200, len(data))
            for place in rng.integers(0, reach, rng.integers(1, 8)):
                data[place] = rng.integers(256)
        _decode_or_refuse(bytes(data))


def test_a_tiff_whose_second_picture_has_no_width_is_an_upload_error():
    whole = encoded(small(), "TIFF", save_all=True, append_images=[small()])
    width_tag = b"\x00\x01\x04\x00\x01\x00\x00\x00\x40\x00\x00\x00"  # ImageWidth = 64, LONG
    assert whole.count(width_tag) == 2
    place = whole.rindex(width_tag)
    with pytest.raises(UploadError):
        decode(whole[:place] + b"\xfe\x00" + whole[place + 2 :])


def test_damaged_exif_is_never_anything_but_an_upload_error():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "hello"
    whole = encoded(Image.new("RGB", (32, 40)), "JPEG", exif=exif)
    start = whole.index(b"Exif")
    for place in range(start + 6, start + 40):
        for value in (*range(32), 62, 84, 255):
            data = bytearray(whole)
            data[place] = value
            _decode_or_refuse(bytes(data))
