"""Drawn frames of a dog in a room, with the answers to five questions about each.

They stand in for camera frames where none can be had. Everything that tells the activities apart
can also mislead: a ball lies about while the dog barks, a sofa stands there that nobody chews, the
light is low, a plant hides the head. So a model trained on them is right often but not always, and
its margins reach down to zero.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageFilter

SIZE = 160  # pixels, square
DRAWN_WITH = yaml.safe_load(Path(__file__).with_name("scenes.yaml").read_text(encoding="utf-8"))
POSES, HEIGHTS, COLOURS = (DRAWN_WITH[name] for name in ("poses", "heights", "colours"))
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
        yes_no = {
            q: "yes" if a == self.activity else "no"
            for q, a in zip(YES_NO, ACTIVITIES, strict=True)
        }
        return {**yes_no, OPEN: self.activity}


def draw_scene(seed: int, index: int) -> Scene:
    """Scene number `index` of the series `seed`; the same two numbers always give the same
    scene.
    """
    rng = np.random.default_rng([seed, index])
    activity = ACTIVITIES[rng.integers(len(ACTIVITIES))]
    image = Image.new("RGB", (SIZE, SIZE), str(rng.choice(COLOURS["wall"])))
    room = _Room(ImageDraw.Draw(image, "RGBA"), rng)
    furniture = room.furniture(activity)
    mouth, paws = room.dog(activity, furniture)
    room.ball(activity, mouth, paws)
    if rng.random() < 0.25:
        room.occluder()
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Scene(_camera(image, rng), activity)


def _camera(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """What a cheap camera adds: low light, a colour cast, a soft lens, noise."""
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.6)))
    light = rng.uniform(0.5, 1.1) * rng.uniform(0.85, 1.15, size=3)
    pixels = np.asarray(image, dtype=np.float32) * light + rng.normal(
        0, rng.uniform(2, 14), size=(SIZE, SIZE, 3)
    )
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


class _Room:
    """A canvas with a floor line; the dog looks to the right (flips come later)."""

    def __init__(self, canvas: ImageDraw.ImageDraw, rng: np.random.Generator):
        self.canvas, self.rng = canvas, rng
        self.ground = rng.uniform(118, 138)  # y where paws stand
        self.scale = rng.uniform(1.15, 1.5)
        canvas.rectangle((0, self.ground - 14, SIZE, SIZE), fill=str(rng.choice(COLOURS["floor"])))

    def disc(self, x, y, rx, ry, fill):
        self.canvas.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)

    def furniture(self, activity: str) -> tuple[float, float] | None:
        """Draw a sofa, always where it is being chewed; the corner that a mouth can reach, as (x,
        y).
        """
        if activity != "chewing furniture" and self.rng.random() < 0.35:
            return None
        left, top = self.rng.uniform(100, 116), self.ground - self.rng.uniform(38, 50)
        fabric = str(self.rng.choice(COLOURS["fabric"]))
        self.canvas.rounded_rectangle(
            (left + 6, top - 20, SIZE + 30, self.ground - 8), 8, fill=fabric
        )
        self.canvas.rounded_rectangle(
            (left, top, left + 16, self.ground), 6, fill=fabric, outline="#00000060"
        )
        return left, top

    def dog(self, activity: str, corner) -> tuple[tuple[float, float], tuple[float, float]]:
        """Draw the dog; where its mouth and its front paws are."""
        rng, k = self.rng, self.scale
        coat, dark = str(rng.choice(COLOURS["coat"])), "#1e1815"
        pose = str(rng.choice(POSES[activity]))
        chest, rear, head_up = (height * k for height in HEIGHTS[pose])
        head_up += rng.uniform(-4, 4)
        if activity == "sleeping":
            head_up = rng.uniform(-6, 4) * k
        if activity == "barking":
            head_up += 7 * k

        chest_x = rng.uniform(72, 92)
        if activity == "chewing furniture":
            chest_x = corner[0] - (25 + rng.uniform(-2, 5)) * k
        chest_y = self.ground - chest
        tail_x, tail_y = chest_x - 40 * k, self.ground - rear
        if pose != "lie":
            legs = [
                (tail_x + 4, tail_y),
                (tail_x + 13 * k, tail_y),
                (chest_x - 8 * k, chest_y),
                (chest_x + 2, chest_y),
            ]
            for x, y in legs:
                self.canvas.line(
                    (x, y, x + rng.uniform(-3, 3), self.ground), fill=coat, width=int(7 * k)
                )
        self.canvas.line((tail_x, tail_y, chest_x, chest_y), fill=coat, width=int(23 * k))
        self.disc(tail_x, tail_y, 12 * k, 11.5 * k, coat)
        self.disc(chest_x, chest_y, 12 * k, 11.5 * k, coat)
        wag = rng.uniform(4, 22) * k * (-0.4 if activity == "sleeping" else 1)
        self.canvas.line(
            (tail_x - 8 * k, tail_y, tail_x - 20 * k, tail_y - wag), fill=coat, width=int(5 * k)
        )

        head_x, head_y = chest_x + 13 * k, min(chest_y - head_up, self.ground - 9 * k)
        nose_x, nose_y = head_x + 15 * k, head_y + 3 * k
        if activity == "chewing furniture":
            head_y = float(
                np.clip(corner[1] + rng.uniform(2, 14), self.ground - 52 * k, self.ground - 9 * k)
            )
            nose_x, nose_y = corner[0] + rng.uniform(-1, 3), head_y + 3 * k
            head_x = nose_x - 14 * k
        # the neck
        self.canvas.line((chest_x, chest_y, head_x, head_y), fill=coat, width=int(15 * k))
        self.disc(head_x, head_y, 11 * k, 10 * k, coat)
        self.canvas.line((head_x, head_y + 3 * k, nose_x, nose_y), fill=coat, width=int(9 * k))
        self.disc(head_x - 6 * k, head_y - 3 * k, 4 * k, 9 * k, dark + "90")
        self.disc(nose_x, nose_y - 1, 2.6 * k, 2.2 * k, dark)
        self._eye(activity, head_x + 3 * k, head_y - 3 * k)
        self._mouth(activity, nose_x, nose_y)
        return (nose_x, nose_y), (chest_x + 8 * k, self.ground)

    def _eye(self, activity, x, y):
        if activity == "sleeping" or self.rng.random() < 0.12:  # a blink proves nothing
            self.canvas.line((x - 3, y, x + 3, y + 1), fill="#1e1815", width=1)
        else:
            self.disc(x, y, 2.2 * self.scale, 2.2 * self.scale, "#fbfbf5")
            self.disc(x, y, 1.3 * self.scale, 1.3 * self.scale, "#101010")
        if activity == "sleeping" and self.rng.random() < 0.3:
            self.canvas.text((x + 8, y - 26), "z", fill="#ffffffb0", font_size=14)

    def _mouth(self, activity, x, y):
        rng, k = self.rng, self.scale
        if activity == "barking" or (
            activity != "sleeping" and rng.random() < 0.3
        ):  # panting looks like a bark
            lip, gape = y + 3 * k, rng.uniform(4, 8) * k
            self.canvas.polygon(
                ((x - 9 * k, lip), (x + 1, lip), (x - 2 * k, lip + gape)), fill="#8d1f2a"
            )
        if activity == "barking":
            strength = int(rng.uniform(110, 255))
            for radius in (10, 17, 24)[: rng.integers(2, 4)]:
                box = (x - radius * k + 4, y - radius * k, x + radius * k + 4, y + radius * k)
                self.canvas.arc(box, -45, 45, fill=(255, 255, 255, strength), width=4)
        if activity == "chewing furniture":
            for _ in range(rng.integers(3, 9)):
                dx, dy = rng.uniform(-12, 6), rng.uniform(2, 22)
                self.disc(x + dx, y + dy, 1.6, 1.6, "#f4ecd2")

    def ball(self, activity: str, mouth, paws):
        """A ball within reach is play; one that lies about is not."""
        rng, radius = self.rng, self.rng.uniform(8, 12)
        if activity == "playing":
            near = mouth if rng.random() < 0.5 else paws
            x, y = (
                near[0] + rng.uniform(1, 9),
                min(near[1] + rng.uniform(-6, 5), self.ground + 2) - radius / 2,
            )
        elif rng.random() < 0.45:
            x, y = rng.uniform(6, 154), self.ground + rng.uniform(4, 16)
        else:
            return
        self.disc(x, y, radius, radius, str(rng.choice(COLOURS["ball"])))
        self.disc(x - radius / 3, y - radius / 3, radius / 4, radius / 4, "#ffffffa0")

    def occluder(self):
        """A plant or a chair leg between the camera and the room."""
        x, width = self.rng.uniform(0, SIZE), self.rng.uniform(6, 22)
        if self.rng.random() < 0.5:
            self.canvas.rectangle((x, 0, x + width / 2, SIZE), fill="#4b3a2a")
            return
        for _ in range(7):
            top = self.rng.uniform(50, 110)
            tip = x + self.rng.uniform(-1.6, 1.6) * width
            self.canvas.line((x, SIZE, tip, top), fill="#2f5d34", width=5)
