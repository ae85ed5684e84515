"""What packages of the extra `formats` read: HEIC, DICOM of visible light, whole slides.

The annex of the image door: `core.data.images` alone asks here. Of a header nothing but the size
and the kind of the pixels is looked at, and no message repeats any of it: patients' names stay
where they are.
"""

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import extras, storage
from core.errors import UploadError
from core.untrusted.files import open_regular

if TYPE_CHECKING:
    from openslide import OpenSlide

EXTRA = "formats"
FIRST_BYTES = 132  # tell the kind of a file
SLIDES = ("svs", "ndpi", "scn", "bif")
SUFFIXES = ("heic", "heif", "dcm", *SLIDES)

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Uncompressed (little and big endian), JPEG, JPEG 2000. Others could grow without a limit.
_PLAIN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
_PACKED = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 90, 91)}
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "MONOCHROME2"}
_TAGS = (
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration", "NumberOfFrames",
    "PixelData",
)  # fmt: skip
# (width, height) of an image in bytes, from its header.
Size = Callable[[bytes], tuple[int, int]]
# Refuses a width and height beyond the limits of the door.
Check = Callable[[tuple[int, int]], object]


def first_bytes(source: Path | bytes) -> bytes:
    """The bytes by which `prepare`, `is_dicom` and `is_slide` tell a file's kind."""
    if isinstance(source, bytes):
        return source[:FIRST_BYTES]
    with open_regular(source) as file:
        return file.read(FIRST_BYTES)


def is_dicom(data: bytes) -> bool:
    """Returns whether a file, or its `first_bytes`, is DICOM."""
    return data[128:132] == b"DICM"


def is_slide(start: bytes, name: str) -> bool:
    """Returns whether a file is a whole slide: a TIFF, under the suffix of a scanner."""
    return start[:4] in _TIFF and Path(name).suffix.lower().removeprefix(".") in SLIDES


def is_costly(start: bytes, name: str) -> bool:
    """Whether a file, by its `first_bytes`, is of a format whose cost nothing bounds beforehand."""
    return (
        is_dicom(start)
        or is_slide(start, name)
        or start[4:8] == b"ftyp"
        or start.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"))
    )


def require(start: bytes, name: str) -> None:
    """Raises `UploadError` that names the extra, if a package for a file is missing.

    `start` are its `first_bytes`.
    """
    if _is_heic(start):
        _require("pillow_heif", f"{name} is a HEIC image; reading it")
    elif is_dicom(start):
        _require("pydicom", f"{name} is a DICOM file; reading it")
    elif is_slide(start, name):
        _require("openslide", f"{name} is a whole slide; reading it")


def prepare(start: bytes, name: str) -> None:
    """As `require`, and lets Pillow open HEIC if the file is one."""
    require(start, name)
    if _is_heic(start):
        _register_heic()


def _is_heic(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and (start[8:12] in _HEIC or bool(_HEIC & _brands(start)))


def _brands(start: bytes) -> set[bytes]:
    """The brands that an ISO media file is compatible with."""
    length = min(int.from_bytes(start[:4], "big"), 64)
    return {start[place : place + 4] for place in range(16, length, 4)}


@cache
def _register_heic() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)


def _require(module: str, purpose: str) -> None:
    if find_spec(module) is None:
        raise UploadError(extras.missing(module, EXTRA, purpose))


def read_dicom(data: bytes, name: str, size: Size, check: Check) -> np.ndarray:
    """Reads a DICOM file of one 8-bit picture in colour or grey: RGB uint8 (H, W, 3).

    Raises `UploadError` if it is damaged, or holds something else.
    """
    if _DEFLATED in data[:1024]:
        raise UploadError(_other(name, "is deflated as a whole"))
    try:
        import pydicom
        from pydicom.encaps import generate_frames

        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        found = pydicom.dcmread(io.BytesIO(data), specific_tags=list(_TAGS))
        syntax = str(found.file_meta.TransferSyntaxUID)
        rows, columns = int(found.Rows), int(found.Columns)
        frames, bits = int(found.get("NumberOfFrames") or 1), int(found.BitsAllocated)
        colour = str(found.PhotometricInterpretation)
        check((columns, rows))
        if frames != 1:
            raise UploadError(_other(name, f"holds {frames} pictures"))
        if bits != 8 or colour not in _COLOURS or syntax not in _PLAIN | _PACKED:
            raise UploadError(_other(name, "holds pixels of another kind"))
        if syntax in _PACKED:
            first = next(generate_frames(found.PixelData, number_of_frames=1))
            if size(first) != (columns, rows):
                raise ValueError
        pixels = np.asarray(pydicom.pixels.pixel_array(found))
        if pixels.dtype != np.uint8 or pixels.shape not in ((rows, columns), (rows, columns, 3)):
            raise ValueError
    except UploadError:
        raise
    except Exception:
        # What pydicom says may quote the header.
        raise UploadError(
            f"{name} is a DICOM file that is damaged, or holds no picture. Export it again."
        ) from None
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def _other(name: str, what: str) -> str:
    return (
        f"{name} is a DICOM file that {what}; BlastLens reads one picture of 8-bit RGB, YBR or "
        "grey (MONOCHROME2), uncompressed or as JPEG or JPEG 2000. Export the picture as PNG."
    )


def dicom_size(data: bytes, name: str) -> tuple[int, int]:
    """Reads (H, W) from the header of a DICOM file. Raises `UploadError` if it has none."""
    try:
        import pydicom

        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        found = pydicom.dcmread(
            io.BytesIO(data), stop_before_pixels=True, specific_tags=["Rows", "Columns"]
        )
        return int(found.Rows), int(found.Columns)
    except Exception:
        raise UploadError(
            f"{name} is a DICOM file that is damaged, or holds no picture. Export it again."
        ) from None


class Slide:
    """The first level of a whole slide, the one of full resolution."""

    def __init__(self, slide: "OpenSlide", name: str) -> None:
        """Wraps an opened slide; see `open_slide`."""
        self._slide, self._name = slide, name
        self.width, self.height = slide.dimensions

    def crop(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """The region (left, top, right, bottom), RGB uint8 (H, W, 3); not scanned is white.

        Raises `UploadError` if the slide is damaged there.
        """
        left, top, right, bottom = box
        try:
            region = self._slide.read_region((left, top), 0, (right - left, bottom - top))
        except Exception:
            raise _damaged(self._name) from None
        pixels = np.array(region)
        pixels[pixels[:, :, 3] == 0] = 255
        return np.ascontiguousarray(pixels[:, :, :3])


@contextmanager
def open_slide(source: Path | bytes, name: str) -> Iterator[Slide]:
    """Opens a whole slide. Bytes go into a temporary file, since its library reads files alone.

    Raises `UploadError` if it is damaged or of another scanner.
    """
    import openslide

    with nullcontext(source) if isinstance(source, Path) else _as_file(source, name) as file:
        try:
            slide = openslide.OpenSlide(str(file))
        except Exception:
            raise _damaged(name) from None
        with slide:
            yield Slide(slide, name)


@contextmanager
def _as_file(data: bytes, name: str) -> Iterator[Path]:
    with storage.scratch(Path(tempfile.gettempdir())) as folder:
        file = folder / f"slide{Path(name).suffix}"
        file.write_bytes(data)
        yield file


def _damaged(name: str) -> UploadError:
    return UploadError(
        f"{name} is a whole slide that is damaged, or of a kind that OpenSlide does not read. "
        "Export a part of it as PNG or TIFF."
    )
