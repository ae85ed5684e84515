"""The image door: limits, decoding, orientation and colour.

No other module decodes image files. Images are RGB uint8 (H, W, 3).
"""

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from core.data.image_formats import decoder_process, formats, pillow
from core.data.image_formats.boundary import FORMATS, decoding
from core.errors import TooSmallError, UploadError
from core.settings import settings
from core.untrusted.files import TooManyBytesError, open_regular, read_regular

# The pixel format of classifier inputs, which a run keeps beside its geometry.
PIXELS = "RGB, uint8"
_OWN_SUFFIXES = ("bmp", "png", "jpg", "jpeg", "tif", "tiff", "webp", "jp2", "j2k", "avif")
SUFFIXES = (*_OWN_SUFFIXES, *formats.SUFFIXES)

_A_PART = "Export a part of the scan."

# Our own limit is checked on the header, before a pixel is decoded, and says what to do.
Image.MAX_IMAGE_PIXELS = None


def decode(source: Path | bytes, name: str | None = None) -> np.ndarray:
    """Reads one still image.

    `source` is a file or its bytes; `name` is used in messages. Returns RGB uint8 (H, W, 3).
    EXIF orientation is applied, transparency is laid on black (C-NMC's background), 16-bit samples
    keep the upper 8 of their significant bits (`core.data.image_formats.bit_depth`), CMYK and
    palettes are converted.

    HEIC, DICOM and whole slides need the extra `formats`; see `core.data.image_formats.formats`.

    Raises `UploadError` if the file is missing, empty, larger than `settings` allows, of another
    format, animated, broken, or of a pixel type without a defined 8-bit meaning.
    """
    return decode_noted(source, name)[0]


def decode_noted(
    source: Path | bytes, name: str | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Reads one still image as `decode` does, and says what had to be assumed about its samples.

    Returns RGB uint8 (H, W, 3) and sentences; none if nothing was assumed. Raises as `decode`.
    """
    name = name or (source.name if isinstance(source, Path) else "the upload")
    data = read_file(source, name)
    if formats.is_costly(data, name):
        formats.require(data, name)
        return decoder_process.decode(data, name)
    return decode_here(data, name)


def decode_here(data: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """As `decode_noted`, in this process, whatever that may cost."""
    with decoding(name):
        formats.prepare(data, name)
        if formats.is_dicom(data):
            return formats.read_dicom(data, name, _size, partial(_check_size, name)), ()
        if formats.is_slide(data, name):
            with formats.open_slide(data, name) as slide:
                _check_size(name, (slide.width, slide.height))
                return slide.crop((0, 0, slide.width, slide.height)), ()
        with pillow.open_image(io.BytesIO(data), name) as image:
            _check_header(image, name)
            pixels = pillow.uncompressed(image, data)
            if pixels is not None:
                return pixels, ()
            deep = pillow.is_deep(image)
            image.load()
            notes = pillow.raise_to_16_bits(image, data) if deep else ()
            return pillow.to_rgb(image, name), notes


class LargeImage:
    """A decoded image that is too large for one array: regions of it are read as arrays."""

    def __init__(self, image: Image.Image | formats.Slide, name: str) -> None:
        """Wraps a loaded RGB image or a slide; see `open_large_image`."""
        self._image, self.name = image, name

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self._image.height, self._image.width

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """The region at (x, y), RGB uint8 (height, width, 3); it must lie within the image."""
        return np.asarray(self._image.crop((x, y, x + width, y + height)))


@contextmanager
def open_large_image(path: Path, name: str | None = None) -> Iterator[LargeImage]:
    """Opens an image of up to `settings().max_scan_pixels`, decoded once, at 4 bytes a pixel.

    The image must be 8-bit colour or grey without transparency. EXIF orientation is not applied,
    since scanners do not write it. Raises `UploadError` like `decode`, and for other pixel types.
    """
    name, limits = name or path.name, settings()
    with ExitStack() as opened:
        with decoding(name):
            file = opened.enter_context(_open(path, name))
            start = formats.first_bytes(path)
            formats.prepare(start, name)
            image: Image.Image | formats.Slide
            if formats.is_slide(start, name):
                image = opened.enter_context(formats.open_slide(path, name))
                _check_size(name, (image.width, image.height), limits.max_scan_pixels, _A_PART)
            else:
                image = _load_scan(opened.enter_context(pillow.open_image(file, name)), name)
        yield LargeImage(image, name)


def _open(source: Path | bytes, name: str) -> BinaryIO:
    """A file to be read from. Raises `UploadError` if it is larger than a scan may be."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    limit, file = settings().max_scan_bytes, open_regular(source)
    size = os.fstat(file.fileno()).st_size
    if size <= limit:
        return file
    file.close()
    raise UploadError(
        f"{name} has {size / 2**20:.0f} MiB, more than the limit of {limit / 2**20:.0f} MiB. "
        f"{_A_PART}"
    )


def _load_scan(image: Image.Image, name: str) -> Image.Image:
    """The image, decoded. Raises `UploadError` if it is none of 8-bit colour or grey."""
    _check_header(image, name, settings().max_scan_pixels, _A_PART)
    deep = "16-bit " if pillow.is_deep(image) else ""
    if deep or image.mode not in ("RGB", "L") or image.has_transparency_data:
        raise UploadError(
            f"{name} stores pixels as {deep}{image.mode}; a large scan has to be 8-bit "
            "RGB or grey without transparency. Export it so."
        )
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def size_of(source: Path | bytes, name: str | None = None) -> tuple[int, int]:
    """Reads (H, W) from a file's header. Raises `UploadError` if the header cannot be read."""
    name = name or (source.name if isinstance(source, Path) else "the upload")
    with decoding(name), _open(source, name) as file:
        start = formats.first_bytes(source)
        if formats.is_costly(start, name):
            formats.require(start, name)
            return decoder_process.size(source, name)
        with pillow.open_image(file, name) as image:
            return image.height, image.width


def size_here(source: Path | bytes, name: str) -> tuple[int, int]:
    """As `size_of`, of a file of a costly format, in this process."""
    with decoding(name):
        start = formats.first_bytes(source)
        formats.prepare(start, name)
        if formats.is_dicom(start):
            return formats.dicom_size(read_file(source, name), name)
        if formats.is_slide(start, name):
            with formats.open_slide(source, name) as slide:
                return slide.height, slide.width
        with _open(source, name) as file, pillow.open_image(file, name) as image:
            return image.height, image.width


def _size(data: bytes) -> tuple[int, int]:
    with pillow.open_image(io.BytesIO(data), "its picture") as image:
        return image.size


def read_file(source: Path | bytes, name: str) -> bytes:
    """Reads an image file. Raises `UploadError` if it is missing, empty, too large or a pipe."""
    limit = settings().max_file_bytes
    try:
        if isinstance(source, bytes) and len(source) > limit:
            raise TooManyBytesError(len(source))
        data = read_regular(source, limit) if isinstance(source, Path) else source
    except TooManyBytesError as error:
        raise UploadError(
            f"{name} has {error.size / 2**20:.0f} MiB, more than the limit of "
            f"{limit / 2**20:.0f} MiB. Crop it to the cell and try again."
        ) from None
    except (OSError, ValueError) as error:  # a null character in its name is a ValueError
        why = getattr(error, "strerror", None) or error
        raise UploadError(f"{name} cannot be opened: {why}.") from None
    if not data:
        raise UploadError(f"{name} is empty (0 bytes). Copy or export it again.")
    return data


def _check_header(
    image: Image.Image,
    name: str,
    most: int | None = None,
    remedy: str = "Crop it to the cell and try again.",
) -> None:
    if image.format not in FORMATS:
        raise UploadError(
            f"{name} is a {image.format} file; BlastLens reads {', '.join(FORMATS)}. "
            "Export a still picture as PNG or BMP."
        )
    if getattr(image, "n_frames", 1) > 1:
        raise UploadError(
            f"{name} holds {getattr(image, 'n_frames', 1)} pictures; BlastLens reads one picture "
            "a file. Export the one to be read as PNG or BMP."
        )
    limits = settings()
    most = most or (limits.max_deep_pixels if pillow.is_deep(image) else limits.max_pixels)
    _check_size(name, image.size, most, remedy)


def _check_size(
    name: str,
    size: tuple[int, int],
    most: int | None = None,
    remedy: str = "Crop it to the cell and try again.",
) -> None:
    limits = settings()
    most = most or limits.max_pixels
    width, height = size
    if width * height > most:
        raise UploadError(
            f"{name} has {width} x {height} pixels, more than the limit of "
            f"{most / 1e6:.0f} million. {remedy}"
        )
    if max(width, height) > limits.max_side_ratio * min(width, height) > 0:
        raise UploadError(
            f"{name} has {width} x {height} pixels; one side may be {limits.max_side_ratio} times "
            "as long as the other. Crop it to the cell and try again."
        )
    if min(width, height) < limits.min_side_pixels:
        raise TooSmallError(
            f"{name} has {width} x {height} pixels; each side needs at least "
            f"{limits.min_side_pixels}. Export the cell at full resolution."
        )


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Returns what a JPEG file of an image keeps of it: RGB uint8 (H, W, 3) to the same.

    `quality` is 1 to 100; colours are stored at half the width and height (4:2:0), as is usual.
    """
    stored = io.BytesIO(encode(image, "JPEG", quality))
    with Image.open(stored, formats=["JPEG"]) as opened:
        return np.asarray(opened.convert("RGB"))


def encode(image: np.ndarray, kind: str = "PNG", quality: int = 75) -> bytes:
    """Encodes an RGB uint8 (H, W, 3) or grey uint8 (H, W) image as a file.

    `kind` is "PNG", "BMP", or "JPEG" (for pictures that are only looked at), with a `quality` of 1
    to 100.
    """
    buffer = io.BytesIO()
    # Run lengths make smaller PNG files of photographs than zlib's default, in a third of its time.
    Image.fromarray(image).save(buffer, format=kind, quality=quality, compress_type=zlib.Z_RLE)
    return buffer.getvalue()
