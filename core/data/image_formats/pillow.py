"""Pixels of an image that Pillow opened, as RGB of 8 bits."""

from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps

from core.data.image_formats import bit_depth, structure
from core.data.image_formats.boundary import FORMATS
from core.errors import UploadError

# Of formats that are not read, by how their files start: for the message.
_OTHERS = {b"GIF8": "GIF", b"8BPS": "PSD", b"%!PS": "EPS", b"SIMPLE": "FITS", b"%PDF": "PDF"}


def open_image(file: BinaryIO, name: str) -> Image.Image:
    """Opens a file of one of `FORMATS`, and reads its header; nothing else is tried.

    Raises `UploadError` if it is of another format, or made of more than may be decoded, and what
    Pillow raises.
    """
    start = file.read(16)
    kind = structure.kind_of(start)
    if kind is not None:
        structure.check(file, kind, name)
        return Image.open(file, formats=[kind])
    if start[4:8] in (b"ftyp", b"jP  ") or start.startswith(b"\xff\x4f"):
        heif = ["HEIF"] if "HEIF" in Image.OPEN else []
        return Image.open(file, formats=["JPEG2000", "AVIF", *heif])
    other = next((kind for first, kind in _OTHERS.items() if start.startswith(first)), None)
    raise UploadError(
        f"{name} is {f'a {other} file' if other else 'not an image BlastLens can read'}: its "
        f"content is none of {', '.join(FORMATS)}. Export it as PNG, BMP or TIFF and try again."
    )


def is_deep(image: Image.Image) -> bool:
    """Whether a file that is not loaded yet stores more than 8 bits a sample."""
    return image.mode.startswith("I;16") or any(
        ";16" in str(tile[3]) for tile in getattr(image, "tile", ())
    )


def uncompressed(image: Image.Image, data: bytes) -> np.ndarray | None:
    """The pixels of a BMP file of 24 bits a pixel, RGB uint8 (H, W, 3), which need no decoder.

    `image` is the file `data`, opened and not loaded. Pillow takes several times as long, over
    copies of its own. None for any other file, and one that is cut short.
    """
    tiles: Any = getattr(image, "tile", ())
    if image.format != "BMP" or image.mode != "RGB" or len(tiles) != 1:
        return None
    codec, box, offset, (kind, stride, direction) = tiles[0]
    width, height = image.size
    whole = box == (0, 0, width, height) and offset + stride * height <= len(data)
    if codec != "raw" or kind != "BGR" or not whole:
        return None
    rows = np.frombuffer(data, np.uint8, stride * height, offset).reshape(height, stride)
    pixels = rows[:, : 3 * width].reshape(height, width, 3)
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.flip(pixels, 0) if direction < 0 else pixels)


def raise_to_16_bits(image: Image.Image, data: bytes) -> tuple[str, ...]:
    """Moves the significant bits of a loaded 16-bit image to the top, in place; says so if any are.

    Pillow keeps the upper 8 bits of colour alone, so the samples are decoded again.
    """
    grey = image.mode.startswith("I;16")
    samples: Any = np.asarray(image)
    if not grey:
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if samples is None or samples.dtype != np.uint16 or samples.ndim < 3:
            return ()
    colours = samples if grey else samples[:, :, :3]
    stated = bit_depth.stated_by(getattr(image, "tag_v2", None), data, int(colours.max()))
    bits = bit_depth.significant_bits(colours, stated)
    if bits == bit_depth.STORED:
        return ()
    raised = colours << (bit_depth.STORED - bits)
    if not grey:
        # Pillow's own transparency is kept: it says of each pixel the same with fewer bits.
        raised = cv2.cvtColor((raised >> 8).astype(np.uint8), cv2.COLOR_BGR2RGB)
    alpha = image.getchannel("A") if "A" in image.getbands() else None
    image.paste(Image.fromarray(raised).convert(image.mode))
    if alpha is not None:
        image.putalpha(alpha)
    return (bit_depth.describe(colours, bits, stated),)


def to_rgb(image: Image.Image, name: str) -> np.ndarray:
    """The pixels of a loaded image, upright, RGB uint8 (H, W, 3); transparency is laid on black.

    Raises `UploadError` for pixels without a defined 8-bit meaning; `name` is for its message.
    """
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise UploadError(
            f"{name} stores pixels as {image.mode} (32-bit), which has no fixed white. "
            "Export it with 8 bits a channel."
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
