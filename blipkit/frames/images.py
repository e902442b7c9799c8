"""One image file as RGB pixels, as a viewer would show them.

A file may be turned, in CMYK, grey or a palette, with a colour profile, transparent or 16 bits
deep: all of that is settled here, or the file is refused by its name.
"""

import io
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from blipkit.errors import BadInput
from blipkit.frames.image_formats import (
    EXPECTED,
    FORMATS,
    HEAD,
    LARGEST_FILE,
    check_before_decoding,
    what_it_is,
)

REASON = 200  # characters of what Pillow says about its failure
# TIFF's tags
BITS, PHOTOMETRIC, LEAST, MOST, SAMPLE_FORMAT = 258, 262, 280, 281, 339
WHITE_IS_ZERO, UNSIGNED = 0, 1  # TIFF's values of two of them


def read_image(path: Path) -> Image.Image:
    """A file's picture by `as_rgb`; BadInput with its name and the reason where it has none."""
    try:
        _check_file(path)
        # opened here: by its name, Pillow 13 turns some TIFFs wrong
        with open(path, "rb") as file:
            return _picture_in(file, FORMATS, EXPECTED)
    except BadInput as error:
        reason = str(error)
    except OSError as error:
        reason = _cannot_be_decoded(error)
    raise BadInput(f"{path.name!r} {reason}")


def image_in(
    content: bytes, formats: Sequence[str] = FORMATS, expected: str = EXPECTED
) -> Image.Image:
    """The picture of a file's content by `as_rgb`; BadInput has the reason where it has none, as a
    sentence about it goes on.

    formats: those to read, as Pillow names them; expected: the same in words.
    """
    return _picture_in(io.BytesIO(content), formats, expected)


def _picture_in(file: BinaryIO, formats: Sequence[str], expected: str) -> Image.Image:
    """The picture of an open file; BadInput where it has none."""
    try:
        return _decoded(file, formats)
    except BadInput:
        raise
    except Image.DecompressionBombError:
        reason = "has more than 50 megapixels"
    except UnidentifiedImageError:
        reason = _unknown(file, expected)
    except Exception as error:  # what a damaged file makes Pillow raise has no end
        reason = _cannot_be_decoded(error)
    raise BadInput(reason)


def _cannot_be_decoded(error: Exception) -> str:
    return f"cannot be decoded: {str(error)[:REASON] or type(error).__name__}"


def _unknown(file: BinaryIO, expected: str) -> str:
    """What is wrong with a file that is no picture of a format that is read."""
    file.seek(0)
    seen = what_it_is(file.read(HEAD))
    if not seen:
        seen = "not an image of a format that is read here"
    return f"is {seen}; {expected}"


def _check_file(path: Path) -> None:
    """Refuse what is no file, empty, too large, or has a name that no record could hold."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise BadInput("is no file but a folder, a pipe or a device; expected an image")
    if status.st_size == 0:
        raise BadInput("is empty (0 bytes)")
    if status.st_size > LARGEST_FILE:
        seen = f"has {status.st_size / 2**20:.0f} MiB"
        raise BadInput(f"{seen}; expected at most {LARGEST_FILE // 2**20}")
    if any("\udc80" <= letter <= "\udcff" for letter in path.name):
        raise BadInput("has a name that is not UTF-8")


def _decoded(file: BinaryIO, formats: Sequence[str]) -> Image.Image:
    """An open file's picture by `as_rgb`; where it has none, BadInput or what Pillow raises."""
    with warnings.catch_warnings():
        # the limit below is the lower one
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(file, formats=formats) as image:
            check_before_decoding(image, file)
            return as_rgb(image)


@dataclass(frozen=True)
class Grey:
    """What the values of a picture with more than 8 bits mean: white, and whether 0 is white."""

    white: int = 65535
    is_inverted: bool = False


def _grey_of(image: Image.Image) -> Grey:
    """What a TIFF of one channel says about its values, where Pillow hands them out as they are.

    BadInput where it says something that could be meant in more than one way.
    """
    tags = getattr(image, "tag_v2", None)
    if not tags or not image.mode.startswith("I"):
        return Grey()
    expected = "expected 8 or 16 bits a channel"
    bits = tags.get(BITS, (1,))[0]
    if bits > 16:
        raise BadInput(f"has {bits}-bit integer pixels; {expected}")
    if tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0] != UNSIGNED:
        raise BadInput(f"has signed {bits}-bit integer pixels; {expected}, without a sign")
    white = 2**bits - 1
    least, most = (_first(tags.get(tag, usual)) for tag, usual in ((LEAST, 0), (MOST, white)))
    if (least, most) != (0, white):
        seen = f"says that its {bits}-bit values go from {least} to {most}"
        advice = "save it with black 0 and white 65535, or with 8 bits"
        raise BadInput(f"{seen}, not which of them is white; {advice}")
    return Grey(white, tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)


def _first(value: object) -> object:
    """The first of several values, or the only one."""
    if isinstance(value, tuple):
        return value[0]
    return value


def as_rgb(image: Image.Image) -> Image.Image:
    """RGB as a viewer shows it: upright, in sRGB, on white, in 8 bits, the first frame of several.

    BadInput for 32 bits a channel.
    """
    grey = _grey_of(image)
    image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    _check_depth(image)
    if image.mode.startswith("I"):
        image = _in_8_bits(image, grey)
    is_grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
    if image.mode == "CMYK":
        colours = image
    elif is_grey:
        colours = image.convert("L")
    else:
        colours = image.convert("RGB")
    rgb = None
    if profile:
        rgb = to_srgb(colours, profile)
    if rgb is None:
        rgb = colours.convert("RGB")
    if image.mode == "RGBA":
        return Image.composite(rgb, Image.new("RGB", image.size, "white"), image)
    return rgb


def _check_depth(image: Image.Image) -> None:
    """Refuse 32 bits a channel, where nothing says what is white."""
    expected = "expected 8 or 16 bits a channel"
    if image.mode == "F":
        raise BadInput(f"has 32-bit float pixels; {expected}")
    if image.mode == "I":  # a 32-bit file, or some files of 16 bits
        low, high = image.getextrema()
        if low < 0 or high > 65535:
            raise BadInput(f"has 32-bit integer pixels; {expected}")


def _in_8_bits(image: Image.Image, grey: Grey) -> Image.Image:
    """A picture of up to 16 bits, of which white becomes 255, rounded to the nearest."""
    pixels = np.asarray(image).astype(np.int32)
    scaled = (pixels * 255 + grey.white // 2) // grey.white
    if grey.is_inverted:
        scaled = 255 - scaled
    return Image.fromarray(scaled.astype(np.uint8))


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """RGB by the embedded profile, None where that is broken or has other channels."""
    try:
        return ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (OSError, ImageCms.PyCMSError):
        return None
