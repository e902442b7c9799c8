"""The dog of a synthetic scene: in a pose, doing what the questions ask about."""

from typing import NamedTuple

import numpy as np

from blipkit.frames.canvas import COLOURS, HEIGHTS, POSES, Canvas, Point

DARK = "#1e1815"  # ear, nose and closed eye
BARKING = "barking"
CHEWING = "chewing furniture"
PLAYING = "playing"
SLEEPING = "sleeping"


class Reach(NamedTuple):
    """Where a dog can touch a ball."""

    mouth: Point
    paws: Point


class Dog:
    """A dog that looks to the right, drawn on a canvas from its legs to its mouth.

    Lengths below are those of a dog of scale 1, where no comment says pixels. The order of the
    random draws is part of a scene: another one would give other pixels.
    """

    def __init__(
        self,
        canvas: Canvas,
        rng: np.random.Generator,
        ground: float,
        scale: float,
        activity: str,
    ):
        """ground: y where the paws stand, in pixels."""
        self.canvas = canvas
        self.rng = rng
        self.ground = ground
        self.scale = scale
        self.activity = activity
        self.coat = str(rng.choice(COLOURS["coat"]))
        self.pose = str(rng.choice(POSES[activity]))

    def draw(self, corner: Point | None) -> Reach:
        """Draw the dog; corner: the sofa's, which a dog that chews has its mouth at."""
        chest_height, rear_height, usual = (height * self.scale for height in HEIGHTS[self.pose])
        head_up = self._head_up(usual)
        chest = Point(self._chest_x(corner), self.ground - chest_height)
        rear = Point(chest.x - 40 * self.scale, self.ground - rear_height)
        if self.pose != "lie":
            self._legs(rear, chest)
        self._body(rear, chest)
        self._tail(rear)
        if self.activity == CHEWING:
            head, nose = self._head_at(corner)
        else:
            head, nose = self._head_above(chest, head_up)
        self._head(chest, head, nose)
        self._eye(self._near(head, 3, -3))
        self._mouth(nose)
        return Reach(mouth=nose, paws=Point(chest.x + 8 * self.scale, self.ground))

    def _near(self, place: Point, right: float, down: float) -> Point:
        return place.moved(right, down, self.scale)

    def _disc(self, centre: Point, radius_x: float, radius_y: float, fill: str) -> None:
        self.canvas.disc(centre, radius_x * self.scale, radius_y * self.scale, fill)

    def _limb(self, start: Point, end: Point, width: float) -> None:
        """A line in the coat's colour."""
        self.canvas.line(start, end, self.coat, int(width * self.scale))

    def _head_up(self, usual: float) -> float:
        """How many pixels higher than the chest the head is; usual: in this pose."""
        height = usual + self.rng.uniform(-4, 4)
        if self.activity == SLEEPING:
            return self.rng.uniform(-6, 4) * self.scale
        if self.activity == BARKING:
            return height + 7 * self.scale
        return height

    def _chest_x(self, corner: Point | None) -> float:
        """Anywhere in the middle, but within reach of the sofa's corner where that is chewed."""
        anywhere = self.rng.uniform(72, 92)
        if self.activity == CHEWING:
            return corner.x - (25 + self.rng.uniform(-2, 5)) * self.scale
        return anywhere

    def _legs(self, rear: Point, chest: Point) -> None:
        tops = [
            rear.moved(4, 0),  # pixels
            self._near(rear, 13, 0),
            self._near(chest, -8, 0),
            chest.moved(2, 0),  # pixels
        ]
        for top in tops:
            paw = Point(top.x + self.rng.uniform(-3, 3), self.ground)
            self._limb(top, paw, 7)

    def _body(self, rear: Point, chest: Point) -> None:
        self._limb(rear, chest, 23)
        self._disc(rear, 12, 11.5, self.coat)
        self._disc(chest, 12, 11.5, self.coat)

    def _tail(self, rear: Point) -> None:
        wag = self.rng.uniform(4, 22) * self.scale
        if self.activity == SLEEPING:
            wag *= -0.4  # it hangs
        tip = self._near(rear, -20, 0).moved(0, -wag)
        self._limb(self._near(rear, -8, 0), tip, 5)

    def _head_above(self, chest: Point, head_up: float) -> tuple[Point, Point]:
        """Where the head and its nose are, above the chest; the floor carries a low one."""
        y = min(chest.y - head_up, self.ground - 9 * self.scale)
        head = Point(chest.x + 13 * self.scale, y)
        return head, self._near(head, 15, 3)

    def _head_at(self, corner: Point) -> tuple[Point, Point]:
        """Where the head and its nose are, with the mouth at a sofa's corner."""
        highest = self.ground - 52 * self.scale
        lowest = self.ground - 9 * self.scale
        y = float(np.clip(corner.y + self.rng.uniform(2, 14), highest, lowest))
        nose = Point(corner.x + self.rng.uniform(-1, 3), y + 3 * self.scale)
        return Point(nose.x - 14 * self.scale, y), nose

    def _head(self, chest: Point, head: Point, nose: Point) -> None:
        """Neck, head, snout, an ear and the nose."""
        self._limb(chest, head, 15)
        self._disc(head, 11, 10, self.coat)
        self._limb(self._near(head, 0, 3), nose, 9)
        self._disc(self._near(head, -6, -3), 4, 9, DARK + "90")
        self._disc(nose.moved(0, -1), 2.6, 2.2, DARK)

    def _eye(self, eye: Point) -> None:
        is_asleep = self.activity == SLEEPING
        if is_asleep or self.rng.random() < 0.12:  # a blink proves nothing
            self.canvas.line(eye.moved(-3, 0), eye.moved(3, 1), DARK, width=1)
        else:
            self._disc(eye, 2.2, 2.2, "#fbfbf5")
            self._disc(eye, 1.3, 1.3, "#101010")
        if is_asleep and self.rng.random() < 0.3:
            self.canvas.draw.text(eye.moved(8, -26), "z", fill="#ffffffb0", font_size=14)

    def _mouth(self, nose: Point) -> None:
        """What the mouth does; nothing is drawn where it is shut."""
        if self._is_mouth_open():
            self._jaw(nose)
        if self.activity == BARKING:
            self._bark(nose)
        if self.activity == CHEWING:
            self._crumbs(nose)

    def _is_mouth_open(self) -> bool:
        """Always in a bark; now and then in a dog that pants, which looks like one."""
        if self.activity == BARKING:
            return True
        return self.activity != SLEEPING and self.rng.random() < 0.3

    def _jaw(self, nose: Point) -> None:
        lip = self._near(nose, 0, 3)
        gape = self.rng.uniform(4, 8) * self.scale
        chin = self._near(lip, -2, 0).moved(0, gape)
        corners = (self._near(lip, -9, 0), lip.moved(1, 0), chin)
        self.canvas.draw.polygon(corners, fill="#8d1f2a")

    def _bark(self, nose: Point) -> None:
        """Two or three arcs, as loud as they are bright."""
        brightness = int(self.rng.uniform(110, 255))
        colour = (255, 255, 255, brightness)
        for radius in (10, 17, 24)[: self.rng.integers(2, 4)]:
            reach = radius * self.scale
            corner = nose.moved(-reach, -reach).moved(4, 0)
            opposite = nose.moved(reach, reach).moved(4, 0)
            self.canvas.draw.arc((*corner, *opposite), -45, 45, fill=colour, width=4)

    def _crumbs(self, nose: Point) -> None:
        for _ in range(self.rng.integers(3, 9)):
            right = self.rng.uniform(-12, 6)
            down = self.rng.uniform(2, 22)
            self.canvas.disc(nose.moved(right, down), 1.6, 1.6, "#f4ecd2")
