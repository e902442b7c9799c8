"""What scenes are drawn on, and the choices that they are drawn from (scenes.yaml)."""

from pathlib import Path
from typing import NamedTuple

import yaml
from PIL import Image, ImageDraw

DRAWN_WITH = yaml.safe_load(Path(__file__).with_name("scenes.yaml").read_text(encoding="utf-8"))
POSES: dict[str, list[str]] = DRAWN_WITH["poses"]  # activity -> poses
HEIGHTS: dict[str, list[float]] = DRAWN_WITH["heights"]  # pose -> chest, rear, head above chest
COLOURS: dict[str, list[str]] = DRAWN_WITH["colours"]  # what is painted -> its colours


class Point(NamedTuple):
    """A place on the canvas, in pixels from its upper left corner."""

    x: float
    y: float

    def moved(self, right: float, down: float, scale: float = 1.0) -> "Point":
        """The place so many pixels, times scale, to the right and down."""
        return Point(self.x + right * scale, self.y + down * scale)


class Canvas:
    """An RGB picture with the shapes that scenes are made of."""

    def __init__(self, image: Image.Image):
        self.draw = ImageDraw.Draw(image, "RGBA")

    def disc(self, centre: Point, radius_x: float, radius_y: float, fill: str) -> None:
        """A filled ellipse."""
        corner = centre.moved(-radius_x, -radius_y)
        opposite = centre.moved(radius_x, radius_y)
        self.draw.ellipse((*corner, *opposite), fill=fill)

    def line(self, start: Point, end: Point, fill: str, width: int) -> None:
        """A straight line, `width` pixels thick."""
        self.draw.line((*start, *end), fill=fill, width=width)
