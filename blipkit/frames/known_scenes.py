"""Whether pictures of a folder are the project's own synthetic scenes, by their pixels.

Written to files and named in `common.frames_from` they would pass for a camera's.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from blipkit.frames.frames import Frame
from blipkit.frames.scenes import SIZE, draw_scene

LOOKED_AT = 8  # of a folder's pictures
SERIES = (1, 2, 3, 7)  # those that the project itself uses
LENGTH = 300  # scenes of a series
# levels of 255: a scene that was saved as JPEG is below 9 from itself, from any other above 18
SAME = 12.0


def are_known_scenes(frames: Sequence[Frame], seed: int) -> bool:
    """Whether one of the first frames is a scene of the project's own series, or of `seed`'s."""
    pictures = [frame.image for frame in frames[:LOOKED_AT] if frame.image is not None]
    seen = [_levels(picture) for picture in pictures if picture.size == (SIZE, SIZE)]
    if not seen:
        return False
    return any(np.abs(scene - picture).mean() < SAME for scene in _scenes(seed) for picture in seen)


def _scenes(seed: int) -> Iterator[np.ndarray]:
    """The levels of the scenes that a folder is compared with."""
    for index in range(LENGTH):
        for series in dict.fromkeys((seed, *SERIES)):
            yield _levels(draw_scene(series, index).image)


def _levels(picture) -> np.ndarray:
    """A picture's levels, 0 to 255, of shape (SIZE, SIZE, 3)."""
    return np.asarray(picture.convert("RGB"), dtype=np.float32)
