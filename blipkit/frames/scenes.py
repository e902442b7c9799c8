"""Synthetic frames of a dog in a room, with the answers to five questions about each.

They stand in for camera frames where none can be had. Everything that tells the activities apart
can also mislead: a ball lies about while the dog barks, a sofa stands there that nobody chews, the
light is low, a plant hides the head. So a model trained on them is right often but not always, and
its margins reach down to zero.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from blipkit.frames.canvas import COLOURS, POSES, Canvas, Point
from blipkit.frames.dog import CHEWING, PLAYING, Dog, Reach

SIZE = 160  # pixels, square
WOOD = "#4b3a2a"
LEAF = "#2f5d34"
SEAM = "#00000060"  # around a sofa's arm
GLEAM = "#ffffffa0"  # on a ball
ACTIVITIES = tuple(POSES)
YES_NO = tuple(f"is the dog {activity}?" for activity in ACTIVITIES)
OPEN = "what is the dog doing?"
QUESTIONS = (*YES_NO, OPEN)


class Scene(NamedTuple):
    """One frame (RGB, SIZE x SIZE) and what the dog in it is doing."""

    image: Image.Image
    activity: str

    @property
    def answers(self) -> dict[str, str]:
        """Question -> right answer, for every question in QUESTIONS."""
        right = dict.fromkeys(YES_NO, "no")
        right[YES_NO[ACTIVITIES.index(self.activity)]] = "yes"
        right[OPEN] = self.activity
        return right


def draw_scene(seed: int, index: int) -> Scene:
    """Scene number `index` of the series `seed`; the same two numbers give the same scene."""
    rng = np.random.default_rng([seed, index])
    activity = ACTIVITIES[rng.integers(len(ACTIVITIES))]
    image = Image.new("RGB", (SIZE, SIZE), str(rng.choice(COLOURS["wall"])))
    room = _Room(Canvas(image), rng)
    corner = room.sofa(activity)
    dog = Dog(room.canvas, rng, room.ground, room.scale, activity)
    reach = dog.draw(corner)
    room.ball(activity, reach)
    if rng.random() < 0.25:
        room.occluder()
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Scene(_camera(image, rng), activity)


def _camera(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """What a cheap camera adds: a soft lens, low light, a colour cast, noise."""
    lens = ImageFilter.GaussianBlur(rng.uniform(0, 1.6))
    brightness = rng.uniform(0.5, 1.1)
    colour_cast = rng.uniform(0.85, 1.15, size=3)
    noise_level = rng.uniform(2, 14)
    noise = rng.normal(0, noise_level, size=(SIZE, SIZE, 3))
    pixels = np.asarray(image.filter(lens), dtype=np.float32)
    seen = pixels * (brightness * colour_cast) + noise
    return Image.fromarray(seen.clip(0, 255).astype(np.uint8))


class _Room:
    """A wall and a floor, and what stands and lies about in front of them.

    ground: y where paws stand, in pixels; scale: of the dog. The order of the random draws is part
    of a scene: another one would give other pixels.
    """

    def __init__(self, canvas: Canvas, rng: np.random.Generator):
        self.canvas = canvas
        self.rng = rng
        self.ground = rng.uniform(118, 138)
        self.scale = rng.uniform(1.15, 1.5)
        floor = (0, self.ground - 14, SIZE, SIZE)
        canvas.draw.rectangle(floor, fill=self._colour_of("floor"))

    def _colour_of(self, part: str) -> str:
        return str(self.rng.choice(COLOURS[part]))

    def sofa(self, activity: str) -> Point | None:
        """Draw a sofa, always where it is chewed; the corner that a mouth can reach."""
        if activity != CHEWING and self.rng.random() < 0.35:
            return None
        left = self.rng.uniform(100, 116)
        top = self.ground - self.rng.uniform(38, 50)
        fabric = self._colour_of("fabric")
        back = (left + 6, top - 20, SIZE + 30, self.ground - 8)
        self.canvas.draw.rounded_rectangle(back, 8, fill=fabric)
        arm = (left, top, left + 16, self.ground)
        self.canvas.draw.rounded_rectangle(arm, 6, fill=fabric, outline=SEAM)
        return Point(left, top)

    def ball(self, activity: str, reach: Reach) -> None:
        """A ball within reach is play; one that lies about is not."""
        radius = self.rng.uniform(8, 12)
        if activity == PLAYING:
            centre = self._within(reach).moved(0, -radius / 2)
        elif self.rng.random() < 0.45:
            x = self.rng.uniform(6, 154)
            nearer = self.rng.uniform(4, 16)
            centre = Point(x, self.ground + nearer)
        else:
            return
        self.canvas.disc(centre, radius, radius, self._colour_of("ball"))
        gleam = centre.moved(-radius / 3, -radius / 3)
        self.canvas.disc(gleam, radius / 4, radius / 4, GLEAM)

    def _within(self, reach: Reach) -> Point:
        """Where a ball is played with: at the mouth or at the paws."""
        near = reach.paws
        if self.rng.random() < 0.5:
            near = reach.mouth
        x = near.x + self.rng.uniform(1, 9)
        y = near.y + self.rng.uniform(-6, 5)
        return Point(x, min(y, self.ground + 2))

    def occluder(self) -> None:
        """A chair leg, or a plant, between the camera and the room."""
        x = self.rng.uniform(0, SIZE)
        width = self.rng.uniform(6, 22)
        if self.rng.random() < 0.5:
            self.canvas.draw.rectangle((x, 0, x + width / 2, SIZE), fill=WOOD)
            return
        root = Point(x, SIZE)
        for _ in range(7):
            top = self.rng.uniform(50, 110)
            bend = self.rng.uniform(-1.6, 1.6) * width
            self.canvas.line(root, Point(x + bend, top), LEAF, width=5)
