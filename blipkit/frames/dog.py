"""The dog of a synthetic scene: in a pose, doing what the questions ask about."""

from typing import NamedTuple

import numpy as np

from blipkit.frames.canvas import COLOURS, HEIGHTS, POSES, Canvas, Point

DARK = "#1e1815"  # nose and closed eye
DARK_GLASS = "#1e181590"  # an ear, through which the head is seen
WHITE_OF_EYE = "#fbfbf5"
PUPIL = "#101010"
LETTERS = "#ffffffb0"  # a sleeper's z
TONGUE = "#8d1f2a"
CRUMBS = "#f4ecd2"
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
        paws = Point(chest.x + 8 * self.scale, self.ground)
        return Reach(nose, paws)

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
            stride = self.rng.uniform(-3, 3)
            paw = Point(top.x + stride, self.ground)
            self._limb(top, paw, 7)

    def _body(self, rear: Point, chest: Point) -> None:
        self._limb(rear, chest, 23)
        self._disc(rear, 12, 11.5, self.coat)
        self._disc(chest, 12, 11.5, self.coat)

    def _tail(self, rear: Point) -> None:
        wag = self.rng.uniform(4, 22) * self.scale
        if self.activity == SLEEPING:
            wag *= -0.4  # it hangs
        root = self._near(rear, -8, 0)
        hanging = self._near(rear, -20, 0)
        tip = hanging.moved(0, -wag)
        self._limb(root, tip, 5)

    def _head_above(self, chest: Point, head_up: float) -> tuple[Point, Point]:
        """Where the head and its nose are, above the chest; the floor carries a low one."""
        y = min(chest.y - head_up, self.ground - 9 * self.scale)
        head = Point(chest.x + 13 * self.scale, y)
        return head, self._near(head, 15, 3)

    def _head_at(self, corner: Point) -> tuple[Point, Point]:
        """Where the head and its nose are, with the mouth at a sofa's corner."""
        highest = self.ground - 52 * self.scale
        lowest = self.ground - 9 * self.scale
        below_corner = self.rng.uniform(2, 14)
        y = float(np.clip(corner.y + below_corner, highest, lowest))
        beyond_corner = self.rng.uniform(-1, 3)
        nose = Point(corner.x + beyond_corner, y + 3 * self.scale)
        head = Point(nose.x - 14 * self.scale, y)
        return head, nose

    def _head(self, chest: Point, head: Point, nose: Point) -> None:
        """Neck, head, snout, an ear and the nose."""
        snout = self._near(head, 0, 3)
        ear = self._near(head, -6, -3)
        tip = nose.moved(0, -1)
        self._limb(chest, head, 15)
        self._disc(head, 11, 10, self.coat)
        self._limb(snout, nose, 9)
        self._disc(ear, 4, 9, DARK_GLASS)
        self._disc(tip, 2.6, 2.2, DARK)

    def _eye(self, eye: Point) -> None:
        is_asleep = self.activity == SLEEPING
        if is_asleep or self.rng.random() < 0.12:  # a blink proves nothing
            start = eye.moved(-3, 0)
            end = eye.moved(3, 1)
            self.canvas.line(start, end, DARK, width=1)
        else:
            self._disc(eye, 2.2, 2.2, WHITE_OF_EYE)
            self._disc(eye, 1.3, 1.3, PUPIL)
        if is_asleep and self.rng.random() < 0.3:
            above = eye.moved(8, -26)
            self.canvas.draw.text(above, "z", fill=LETTERS, font_size=14)

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
        back = self._near(lip, -9, 0)
        front = lip.moved(1, 0)
        gape = self.rng.uniform(4, 8) * self.scale
        chin = self._near(lip, -2, 0).moved(0, gape)
        self.canvas.draw.polygon((back, front, chin), fill=TONGUE)

    def _bark(self, nose: Point) -> None:
        """Two or three arcs, as loud as they are bright."""
        brightness = int(self.rng.uniform(110, 255))
        colour = (255, 255, 255, brightness)
        count = self.rng.integers(2, 4)
        for radius in (10, 17, 24)[:count]:
            reach = radius * self.scale
            corner = nose.moved(-reach, -reach).moved(4, 0)
            opposite = nose.moved(reach, reach).moved(4, 0)
            box = (*corner, *opposite)
            self.canvas.draw.arc(box, -45, 45, fill=colour, width=4)

    def _crumbs(self, nose: Point) -> None:
        for _ in range(self.rng.integers(3, 9)):
            right = self.rng.uniform(-12, 6)
            down = self.rng.uniform(2, 22)
            place = nose.moved(right, down)
            self.canvas.disc(place, 1.6, 1.6, CRUMBS)
