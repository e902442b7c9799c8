"""Frames as cameras send them: JPEGs, for what it costs a server to receive and decode them."""

import io
from collections.abc import Sequence

from PIL import Image

from blipkit.frames.frames import Frame

QUALITY = 85  # of 100; what it loses is of no matter where times alone are measured


def as_jpegs(frames: Sequence[Frame]) -> list[bytes]:
    """Each frame as a JPEG of its size, of quality QUALITY."""
    return [to_jpeg(frame.image) for frame in frames]


def to_jpeg(image: Image.Image, quality: int = QUALITY) -> bytes:
    """An RGB picture as a JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
