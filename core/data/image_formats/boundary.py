"""The one place where what a decoder raises becomes an error of ours.

On bytes that somebody else wrote, Pillow, OpenCV, OpenSlide, pydicom and what lies below them raise
almost anything, `struct.error` to `RecursionError`, and other things in another version.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import UnidentifiedImageError

from core.errors import BlastLensError, UploadError

FORMATS = ("BMP", "PNG", "JPEG", "TIFF", "WEBP", "JPEG2000", "AVIF", "HEIF")


@contextmanager
def decoding(name: str, damaged: str = "") -> Iterator[None]:
    """Turns whatever is raised within into an `UploadError` that names the file `name`.

    `damaged` is the sentence for a file that cannot be decoded, where the error's own words must
    not be repeated. Errors of `core.errors` pass.
    """
    try:
        yield
    except BlastLensError:
        raise
    except UnidentifiedImageError:
        raise UploadError(
            f"{name} is not an image BlastLens can read: its content is none of "
            f"{', '.join(FORMATS)}. Export it as PNG, BMP or TIFF and try again."
        ) from None
    except Exception as error:
        # An error with a number is the system's: the file is gone, or may not be read.
        if isinstance(error, OSError) and error.errno is not None:
            raise UploadError(f"{name} cannot be opened: {error.strerror or error}.") from None
        why = " ".join(str(error).split())[:_MOST_QUOTED].rstrip(".") or type(error).__name__
        raise UploadError(
            damaged or f"{name} is damaged or cut short ({why}). Copy or export it again."
        ) from None


_MOST_QUOTED = 200  # characters of what a decoder said
