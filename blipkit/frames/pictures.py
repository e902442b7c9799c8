"""Pictures as Python code has them: PIL images, files, arrays."""

from pathlib import Path

import numpy as np
from PIL import Image

from blipkit.errors import BadInput
from blipkit.frames.images import read_image


def is_one(frames: object) -> bool:
    """Whether these are one picture, not several: a PIL image, a file, or an array of one."""
    is_array = isinstance(frames, np.ndarray) and frames.ndim == 3
    return is_array or isinstance(frames, Image.Image | Path | str)


def as_picture(frame: object) -> Image.Image:
    """An RGB picture of a PIL image, of a file, or of an array (H, W, 3) of 8 bits.

    BadInput for what is neither, and for a file that has none.
    """
    if isinstance(frame, Image.Image):
        return frame.convert("RGB")
    if isinstance(frame, str | Path):
        return _read(Path(frame).expanduser())
    if isinstance(frame, np.ndarray):
        return _of_array(frame)
    expected = "expected a PIL image, a file, or an array (H, W, 3) of 8 bits"
    raise BadInput(f"a frame is a {type(frame).__name__}; {expected}")


def _read(path: Path) -> Image.Image:
    """A file's picture; BadInput where there is no such file."""
    if not path.exists():
        raise BadInput(f"frame {str(path)!r}: no such file; expected an image")
    return read_image(path)


def _of_array(pixels: np.ndarray) -> Image.Image:
    """A picture of an array; BadInput where its shape or its type is not that of one."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        seen = f"a frame is an array of shape {pixels.shape} and type {pixels.dtype}"
        raise BadInput(f"{seen}; expected (height, width, 3) of uint8, red first")
    return Image.fromarray(np.ascontiguousarray(pixels))
