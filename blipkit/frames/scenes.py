"""Synthetic frames of a dog in a room, with the answers to five questions about each.

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
DARK = "#1e1815"  # ear, nose and closed eye
ACTIVITIES = tuple(POSES)
YES_NO = tuple(f"is the dog {activity}?" for activity in ACTIVITIES)
OPEN = "what is the dog doing?"
QUESTIONS = (*YES_NO, OPEN)


class Point(NamedTuple):
    """A place on the canvas, in pixels from its upper left corner."""

    x: float
    y: float


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
    lit = np.asarray(image, dtype=np.float32) * light
    noise = rng.normal(0, rng.uniform(2, 14), size=(SIZE, SIZE, 3))
    return Image.fromarray((lit + noise).clip(0, 255).astype(np.uint8))


class _Room:
    """A canvas with a floor line; the dog looks to the right (flips come later).

    The order of the random draws is part of a scene: another one would give other pixels.
    """

    def __init__(self, canvas: ImageDraw.ImageDraw, rng: np.random.Generator):
        self.canvas = canvas
        self.rng = rng
        self.ground = rng.uniform(118, 138)  # y where paws stand
        self.scale = rng.uniform(1.15, 1.5)
        canvas.rectangle((0, self.ground - 14, SIZE, SIZE), fill=str(rng.choice(COLOURS["floor"])))

    def disc(self, x, y, rx, ry, fill):
        self.canvas.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)

    def furniture(self, activity: str) -> Point | None:
        """Draw a sofa, always where it is being chewed; the corner that a mouth can reach."""
        if activity != "chewing furniture" and self.rng.random() < 0.35:
            return None
        left = self.rng.uniform(100, 116)
        top = self.ground - self.rng.uniform(38, 50)
        fabric = str(self.rng.choice(COLOURS["fabric"]))
        back = (left + 6, top - 20, SIZE + 30, self.ground - 8)
        self.canvas.rounded_rectangle(back, 8, fill=fabric)
        arm = (left, top, left + 16, self.ground)
        self.canvas.rounded_rectangle(arm, 6, fill=fabric, outline="#00000060")
        return Point(left, top)

    def dog(self, activity: str, corner: Point | None) -> tuple[Point, Point]:
        """Draw the dog; where its mouth and its front paws are."""
        coat = str(self.rng.choice(COLOURS["coat"]))
        pose = str(self.rng.choice(POSES[activity]))
        chest_height, rear_height, head_up = (height * self.scale for height in HEIGHTS[pose])
        head_up = self._head_up(activity, head_up)
        chest = Point(self._chest_x(activity, corner), self.ground - chest_height)
        rear = Point(chest.x - 40 * self.scale, self.ground - rear_height)
        if pose != "lie":
            self._legs(rear, chest, coat)
        self._body(rear, chest, coat)
        self._tail(activity, rear, coat)
        if activity == "chewing furniture":
            head, nose = self._head_at(corner)
        else:
            head, nose = self._head_above(chest, head_up)
        self._head(chest, head, nose, coat)
        self._eye(activity, head.x + 3 * self.scale, head.y - 3 * self.scale)
        self._mouth(activity, nose)
        return nose, Point(chest.x + 8 * self.scale, self.ground)

    def _head_up(self, activity: str, usual: float) -> float:
        """How much higher than the chest the head is; usual: in this pose."""
        height = usual + self.rng.uniform(-4, 4)
        if activity == "sleeping":
            return self.rng.uniform(-6, 4) * self.scale
        if activity == "barking":
            return height + 7 * self.scale
        return height

    def _chest_x(self, activity: str, corner: Point | None) -> float:
        """Anywhere in the middle, but within reach of the sofa's corner where that is chewed."""
        anywhere = self.rng.uniform(72, 92)
        if activity == "chewing furniture":
            return corner.x - (25 + self.rng.uniform(-2, 5)) * self.scale
        return anywhere

    def _legs(self, rear: Point, chest: Point, coat: str) -> None:
        k = self.scale
        tops = [
            (rear.x + 4, rear.y),
            (rear.x + 13 * k, rear.y),
            (chest.x - 8 * k, chest.y),
            (chest.x + 2, chest.y),
        ]
        for x, y in tops:
            paw = x + self.rng.uniform(-3, 3)
            self.canvas.line((x, y, paw, self.ground), fill=coat, width=int(7 * k))

    def _body(self, rear: Point, chest: Point, coat: str) -> None:
        k = self.scale
        self.canvas.line((*rear, *chest), fill=coat, width=int(23 * k))
        self.disc(rear.x, rear.y, 12 * k, 11.5 * k, coat)
        self.disc(chest.x, chest.y, 12 * k, 11.5 * k, coat)

    def _tail(self, activity: str, rear: Point, coat: str) -> None:
        k = self.scale
        wag = self.rng.uniform(4, 22) * k
        if activity == "sleeping":
            wag *= -0.4  # it hangs
        line = (rear.x - 8 * k, rear.y, rear.x - 20 * k, rear.y - wag)
        self.canvas.line(line, fill=coat, width=int(5 * k))

    def _head_above(self, chest: Point, head_up: float) -> tuple[Point, Point]:
        """Where the head and its nose are, above the chest; the floor carries a low one."""
        k = self.scale
        head = Point(chest.x + 13 * k, min(chest.y - head_up, self.ground - 9 * k))
        return head, Point(head.x + 15 * k, head.y + 3 * k)

    def _head_at(self, corner: Point) -> tuple[Point, Point]:
        """Where the head and its nose are, with the mouth at a sofa's corner."""
        k = self.scale
        wanted = corner.y + self.rng.uniform(2, 14)
        y = float(np.clip(wanted, self.ground - 52 * k, self.ground - 9 * k))
        nose = Point(corner.x + self.rng.uniform(-1, 3), y + 3 * k)
        return Point(nose.x - 14 * k, y), nose

    def _head(self, chest: Point, head: Point, nose: Point, coat: str) -> None:
        """Neck, head, snout, an ear and the nose."""
        k = self.scale
        self.canvas.line((*chest, *head), fill=coat, width=int(15 * k))
        self.disc(head.x, head.y, 11 * k, 10 * k, coat)
        self.canvas.line((head.x, head.y + 3 * k, *nose), fill=coat, width=int(9 * k))
        self.disc(head.x - 6 * k, head.y - 3 * k, 4 * k, 9 * k, DARK + "90")
        self.disc(nose.x, nose.y - 1, 2.6 * k, 2.2 * k, DARK)

    def _eye(self, activity, x, y):
        if activity == "sleeping" or self.rng.random() < 0.12:  # a blink proves nothing
            self.canvas.line((x - 3, y, x + 3, y + 1), fill=DARK, width=1)
        else:
            self.disc(x, y, 2.2 * self.scale, 2.2 * self.scale, "#fbfbf5")
            self.disc(x, y, 1.3 * self.scale, 1.3 * self.scale, "#101010")
        if activity == "sleeping" and self.rng.random() < 0.3:
            self.canvas.text((x + 8, y - 26), "z", fill="#ffffffb0", font_size=14)

    def _mouth(self, activity: str, nose: Point) -> None:
        """What the mouth does; nothing is drawn where it is shut."""
        if self._is_open(activity):
            self._jaw(nose)
        if activity == "barking":
            self._bark(nose)
        if activity == "chewing furniture":
            self._crumbs(nose)

    def _is_open(self, activity: str) -> bool:
        """Whether the mouth is: panting looks like a bark."""
        if activity == "barking":
            return True
        return activity != "sleeping" and self.rng.random() < 0.3

    def _jaw(self, nose: Point) -> None:
        k = self.scale
        lip = nose.y + 3 * k
        gape = self.rng.uniform(4, 8) * k
        corners = ((nose.x - 9 * k, lip), (nose.x + 1, lip), (nose.x - 2 * k, lip + gape))
        self.canvas.polygon(corners, fill="#8d1f2a")

    def _bark(self, nose: Point) -> None:
        """Two or three arcs, as loud as they are bright."""
        strength = int(self.rng.uniform(110, 255))
        for radius in (10, 17, 24)[: self.rng.integers(2, 4)]:
            reach = radius * self.scale
            box = (nose.x - reach + 4, nose.y - reach, nose.x + reach + 4, nose.y + reach)
            self.canvas.arc(box, -45, 45, fill=(255, 255, 255, strength), width=4)

    def _crumbs(self, nose: Point) -> None:
        for _ in range(self.rng.integers(3, 9)):
            x = nose.x + self.rng.uniform(-12, 6)
            y = nose.y + self.rng.uniform(2, 22)
            self.disc(x, y, 1.6, 1.6, "#f4ecd2")

    def ball(self, activity: str, mouth: Point, paws: Point) -> None:
        """A ball within reach is play; one that lies about is not."""
        radius = self.rng.uniform(8, 12)
        if activity == "playing":
            x, y = self._within_reach(mouth, paws)
            y -= radius / 2
        elif self.rng.random() < 0.45:
            x = self.rng.uniform(6, 154)
            y = self.ground + self.rng.uniform(4, 16)
        else:
            return
        self.disc(x, y, radius, radius, str(self.rng.choice(COLOURS["ball"])))
        self.disc(x - radius / 3, y - radius / 3, radius / 4, radius / 4, "#ffffffa0")

    def _within_reach(self, mouth: Point, paws: Point) -> Point:
        """Where a ball is played with: at the mouth or at the paws."""
        near = paws
        if self.rng.random() < 0.5:
            near = mouth
        x = near.x + self.rng.uniform(1, 9)
        y = near.y + self.rng.uniform(-6, 5)
        return Point(x, min(y, self.ground + 2))

    def occluder(self):
        """A plant or a chair leg between the camera and the room."""
        x = self.rng.uniform(0, SIZE)
        width = self.rng.uniform(6, 22)
        if self.rng.random() < 0.5:
            self.canvas.rectangle((x, 0, x + width / 2, SIZE), fill="#4b3a2a")
            return
        for _ in range(7):
            top = self.rng.uniform(50, 110)
            tip = x + self.rng.uniform(-1.6, 1.6) * width
            self.canvas.line((x, SIZE, tip, top), fill="#2f5d34", width=5)
