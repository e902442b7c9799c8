"""One image file as RGB pixels, as a viewer would show them.

A file may be turned, in CMYK, grey or a palette, with a colour profile, transparent or 16 bits
deep: all of that is settled here, or the file is refused by its name.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from blipkit.errors import BadInput

LARGEST = 50_000_000  # pixels; beyond a camera's frame, and a header is enough to fill the memory


def read_image(path: Path) -> Image.Image:
    """A file's picture by `as_rgb`; BadInput with its name and the reason where it has none."""
    try:
        return _decoded(path)
    except BadInput as error:
        reason = str(error)
    except Image.DecompressionBombError:
        reason = "has more than 50 megapixels"
    except UnidentifiedImageError:
        reason = "is not an image of a format that Pillow reads"
    except Exception as error:  # what a damaged file makes Pillow raise has no end
        reason = f"cannot be decoded: {str(error) or type(error).__name__}"
    raise BadInput(f"{path.name!r} {reason}")


def _decoded(path: Path) -> Image.Image:
    """A file's picture by `as_rgb`; where it has none, BadInput or what Pillow raises."""
    if path.stat().st_size == 0:
        raise BadInput("is empty (0 bytes)")
    if any("\udc80" <= letter <= "\udcff" for letter in path.name):
        raise BadInput("has a name that is not UTF-8")  # no record could hold it
    with warnings.catch_warnings():
        # the limit below is the lower one
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # opened here: by its name, Pillow 13 turns some TIFFs wrong
        with open(path, "rb") as file, Image.open(file) as image:
            if image.width * image.height > LARGEST:
                size = f"{image.width} x {image.height} pixels"
                raise BadInput(f"has {size}, more than 50 megapixels")
            return as_rgb(image)


def as_rgb(image: Image.Image) -> Image.Image:
    """RGB as a viewer shows it: upright, in sRGB, on white, in 8 bits, the first frame of several.

    BadInput for 32 bits a channel.
    """
    image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    _check_depth(image)
    if image.mode.startswith("I"):
        image = _in_8_bits(image)
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


def _in_8_bits(image: Image.Image) -> Image.Image:
    """A picture of 16 bits, of which 65535 becomes 255, halves rounded up."""
    pixels = np.asarray(image).astype(np.int32)
    return Image.fromarray(((pixels + 128) // 257).astype(np.uint8))


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """RGB by the embedded profile, None where that is broken or has other channels."""
    try:
        return ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (OSError, ImageCms.PyCMSError):
        return None
