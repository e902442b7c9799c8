"""Frames to ask about: drawn scenes with their right answers, or the images of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from blipkit.scenes import draw_scene

FIXED_SCENE = (7, 0)  # the frame whose pixels are digested into every record


@dataclass(frozen=True)
class Frame:
    """name; image (PIL, RGB); answers: question -> right answer, empty where nobody labelled it."""

    name: str
    image: Image.Image
    answers: dict[str, str] = field(default_factory=dict)


def drawn_frames(count: int, seed: int) -> list[Frame]:
    """`count` scenes of the series `seed`; seeds 1 and 2 are what tiny-pets was trained and judged on."""
    scenes = [draw_scene(seed, index) for index in range(count)]
    return [Frame(f"scene {seed}-{index}", s.image, s.answers) for index, s in enumerate(scenes)]


def fixed_frame() -> Image.Image:
    """The same frame everywhere."""
    return draw_scene(*FIXED_SCENE).image


def images(frames: Sequence[Frame]) -> list[Image.Image]:
    """The pictures alone, as a pipeline takes them."""
    return [frame.image for frame in frames]
