"""A day with GPU overflow once more, in plain Python, to hold engine, group and policy against together: it shares no code with them."""

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from random import Random

DAY_S, MINUTE_S = 86_400, 60
OUT_MINUTES, IN_MINUTES, LOW = 3, 15, 0.9


@dataclass(eq=False)
class Box:
    """A machine. free: when each of its servers is free, s."""

    kind: int
    zone: int
    launched_s: float
    ready_s: float
    free: list[float]
    serves: bool = False
    has: int = 0
    ended_s: float = math.inf


@dataclass
class PlainDay:
    """Own machines and GPUs, each of so many servers and places to wait; requests in turn.

    times: of each kind, (service, overhead), s. minutes: [answered, late, refused, failed] of each;
    ready, running: of both kinds, each minute.
    """

    servers: tuple[int, int]
    waiting: tuple[int, int]
    times: list
    late_after_s: float
    zones: int
    least: int
    most: int
    start_s: float
    failing: float
    retries: int
    retry_s: float
    delay_s: float
    lost_at_s: float
    target: float
    base: int
    worth: float
    seed: int
    minutes: list = field(default_factory=lambda: [[0] * 4 for _ in range(1440)])
    ready: list = field(default_factory=list)
    running: list = field(default_factory=list)
    events: list = field(default_factory=list)

    def run(self, parts: list, first_a_minute: float) -> "PlainDay":
        """Through a day; parts: (times, draws) of the requests of each minute."""
        self.random = Random(self.seed)
        self.boxes, self.ended, self.turns, self.leaving = [], [], [], []
        self.turn = self.load = self.above = self.below = self.failed = self.number = 0
        self.again = [deque() for _ in range(self.retries)]
        self.lost_zone = None
        self.seen = []
        self.wanted = self._bounded(self._split(max(1, math.ceil(first_a_minute / self.target)), 0))
        for kind in (0, 1):
            for _ in range(self.wanted[kind]):
                self._add(kind, 0.0, 0.0)
        for minute, part in enumerate(parts):
            now = MINUTE_S * minute
            self._edge(now)
            sent = self._serve(deque(zip(*part, strict=True)), now + MINUTE_S)
            self.seen.append((now + MINUTE_S, sent, self._count(True)))
            self.ready.append(self._count(True))
            self.running.append(self._count(False))
        self._serve(deque(), 1e9)
        return self

    def billed_s(self, kind: int) -> float:
        """Machine-seconds within the day."""
        boxes = [box for box in self.boxes + self.ended if box.kind == kind]
        return sum(max(0.0, min(box.ended_s, DAY_S) - box.launched_s) for box in boxes)

    def _count(self, serving: bool) -> list[int]:
        kinds = [box.kind for box in self.boxes if box.serves or not serving]
        return [kinds.count(0), kinds.count(1)]

    def _edge(self, now: float) -> None:
        """A zone may be lost; then machines are launched or stopped; then some begin to serve."""
        if now >= self.lost_at_s and self.lost_zone is None:
            self._lose(now)
        if now > 0:
            wanted = self._bounded(self._decide(now))
            if wanted != self.wanted:
                self.events.append((now, self.wanted, wanted))
            self.wanted, self.failed = wanted, 0
            for kind in (0, 1):
                self._follow(kind, now)
        for box in self.boxes:
            if not box.serves and box.ready_s <= now:
                box.serves = True
                box.free = [box.ready_s] * self.servers[box.kind]
                self.turns.append(box)

    def _lose(self, now: float) -> None:
        serving = [box.zone for box in self.boxes if box.serves]
        self.lost_zone = max(range(self.zones), key=serving.count)
        for box in [box for box in self.boxes if box.zone == self.lost_zone]:
            self._end(box, now)
            for leaving in [one for one in self.leaving if one[2] is box]:
                self.minutes[leaving[3]][3] += 1
                self.leaving.remove(leaving)
        heapq.heapify(self.leaving)

    def _decide(self, now: float) -> tuple[int, int]:
        """What is wanted: own machines up to the base, GPUs for the rest and for what failed."""
        known = [one for one in self.seen if one[0] + self.delay_s <= now]
        _, rate, (own, gpus) = known[-1] if known else (0, 0, (0, 0))
        took = own + self.worth * gpus
        each = rate / took if took else None
        self.above = self.above + 1 if took and each > self.target else 0
        self.below = self.below + 1 if took and each < LOW * self.target else 0
        needed = max(1, math.ceil(rate / self.target - 1e-9))
        asked = self.wanted[0] + self.worth * self.wanted[1] - self.failed
        cold = any(not box.serves or box.launched_s + self.start_s > now for box in self.boxes)
        own, gpus = self._count(False)
        if self.above >= OUT_MINUTES:
            changes = needed > max(own + self.worth * gpus, asked)
        else:
            changes = self.below >= IN_MINUTES and not cold and needed < asked
        if changes:
            self.load = needed
        elif self.failed:
            self.load = self.load or math.ceil(self.wanted[0] + self.worth * self.wanted[1])
        else:
            return self.wanted
        return self._split(self.load, self.failed)

    def _split(self, load: int, failed: int) -> tuple[int, int]:
        own = min(load, self.base)
        return own, math.ceil((load - own + min(failed, own)) / self.worth - 1e-9)

    def _bounded(self, wanted: tuple[int, int]) -> tuple[int, int]:
        return min(max(wanted[0], self.least), self.most), min(wanted[1], self.most)

    def _follow(self, kind: int, now: float) -> None:
        """Launch what is missing, or stop the newest that does not serve, or the fullest zone's."""
        missing = self.wanted[kind] - self._count(False)[kind]
        for _ in range(missing):
            if self.random.random() < self.failing:
                self.failed += kind == 0
            else:
                self._add(kind, now, now + self.start_s)
        for _ in range(-missing):
            alike = [box for box in self.boxes if box.kind == kind]
            idle = [box for box in alike if not box.serves]
            zones = [box.zone for box in alike]
            box = idle[-1] if idle else max(alike, key=lambda one: zones.count(one.zone))
            self._end(box, max([now, *box.free]))

    def _add(self, kind: int, launched_s: float, ready_s: float) -> None:
        taken = [box.zone for box in self.boxes if box.kind == kind]
        left = [zone for zone in range(self.zones) if zone != self.lost_zone]
        self.boxes.append(Box(kind, min(left, key=taken.count), launched_s, ready_s, []))

    def _end(self, box: Box, ended_s: float) -> None:
        box.ended_s = ended_s
        self.boxes.remove(box)
        self.ended.append(box)
        if box in self.turns:
            self.turns.remove(box)

    def _serve(self, new: deque, until: float) -> int:
        """Everything that is due before `until`; how many requests were sent, retries among them."""
        sent = 0
        while True:
            due = [(new[0][0], -1)] if new else []
            due += [(ring[0][0], place) for place, ring in enumerate(self.again) if ring]
            at, place = min(due, default=(math.inf, 0))
            if at >= until:
                break
            _, born, draw = (at, *new.popleft()) if place < 0 else self.again[place].popleft()
            self._answer(at)
            self._send(at, born, draw, place + 1)
            sent += 1
        self._answer(until)
        return sent

    def _send(self, at: float, born: float, draw: float, attempt: int) -> None:
        box = None
        if self.turns:
            self.turn = self.turn if self.turn < len(self.turns) else 0
            box = self.turns[self.turn]
            self.turn += 1
        if box is None or box.has >= self.servers[box.kind] + self.waiting[box.kind]:
            if attempt == self.retries:
                self.minutes[int(born // 60)][2] += 1
            else:
                self.again[attempt].append((at + self.retry_s * 2**attempt, born, draw))
            return
        service, overhead = self.times[box.kind]
        place = int(draw * len(service))
        server = box.free.index(min(box.free))
        box.free[server] = max(at, box.free[server]) + service[place]
        box.has += 1
        self.number += 1
        latency = box.free[server] - born + overhead[place]
        one = (box.free[server], self.number, box, int(born // 60), latency > self.late_after_s)
        heapq.heappush(self.leaving, one)

    def _answer(self, until: float) -> None:
        while self.leaving and self.leaving[0][0] <= until:
            _, _, box, minute, is_late = heapq.heappop(self.leaving)
            box.has -= 1
            self.minutes[minute][0] += 1
            self.minutes[minute][1] += is_late
