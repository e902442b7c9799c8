"""One image file as RGB pixels, as a viewer would show them: a file may be turned, in ink, grey or
a palette, with a colour profile of its own, transparent or 16 bits deep; here all of that is
settled, or the file refused by its name.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from blipkit.errors import BadInput

LARGEST = 50_000_000  # pixels; beyond a camera's frame, and a header is enough to fill the memory


def read_image(path: Path) -> Image.Image:
    """A file's picture by `as_rgb`; BadInput with the file's name and the reason where it has
    none.
    """
    try:
        if path.stat().st_size == 0:
            raise BadInput("is empty (0 bytes)")
        if any("\udc80" <= letter <= "\udcff" for letter in path.name):
            raise BadInput("has a name that is not UTF-8")  # no record could hold it
        with warnings.catch_warnings():
            # the limit below is the lower one
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with (
                open(path, "rb") as file,
                Image.open(file) as image,
            ):  # by its name, Pillow 13 turns some TIFFs wrong
                if image.width * image.height > LARGEST:
                    raise BadInput(
                        f"has {image.width} x {image.height} pixels, more than 50 megapixels"
                    )
                return as_rgb(image)
    except BadInput as error:
        reason = str(error)
    except Image.DecompressionBombError:
        reason = "has more than 50 megapixels"
    except UnidentifiedImageError:
        reason = "is not an image of a format that Pillow reads"
    except Exception as error:  # what a damaged file makes Pillow raise has no end
        reason = f"cannot be decoded: {str(error) or type(error).__name__}"
    raise BadInput(f"{path.name!r} {reason}")


def as_rgb(image: Image.Image) -> Image.Image:
    """RGB as a viewer shows it: upright, in sRGB, on white, scaled from 16 bits to 8, first frame;
    BadInput for more bits.
    """
    image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    # I: a 32-bit file, or some files of 16 bits
    low, high = image.getextrema() if image.mode == "I" else (0, 0)
    if image.mode == "F" or low < 0 or high > 65535:  # nothing says what is white
        kind = "float" if image.mode == "F" else "integer"
        raise BadInput(f"has 32-bit {kind} pixels; expected 8 or 16 bits a channel")
    if image.mode.startswith("I"):  # 16 bits, of which 65535 becomes 255
        image = Image.fromarray(
            ((np.asarray(image).astype(np.int32) + 128) // 257).astype(np.uint8)
        )
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
    colours = image if image.mode == "CMYK" else image.convert("L" if grey else "RGB")
    colours = (profile and to_srgb(colours, profile)) or colours.convert("RGB")
    return (
        Image.composite(colours, Image.new("RGB", image.size, "white"), image)
        if image.mode == "RGBA"
        else colours
    )


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """RGB by the embedded profile, None where that is broken or has other channels."""
    try:
        return ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (OSError, ImageCms.PyCMSError):
        return None
