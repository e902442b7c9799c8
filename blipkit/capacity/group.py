"""An auto-scaling group: machines that start, serve and are stopped, spread over zones, and paid
for from launch to end.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from blipkit.capacity.policies import NONE, Counts
from blipkit.capacity.shapes import DAY_S
from blipkit.errors import BadInput

KINDS = 2  # the fleet's own, and the overflow's


@dataclass(frozen=True)
class GroupRules:
    """zones: that machines are spread over; min_per_zone: of the fleet's own kind; most: machines
    of each kind.

    start_s: from launch until a machine serves, its model loaded; warmup_s: from launch until it
    counts as warm; launch_failure: share of launches that do not succeed.
    """

    zones: int = 2
    min_per_zone: int = 1
    most: int = 1000
    start_s: float = 240.0
    warmup_s: float = 240.0
    launch_failure: float = 0.0

    @property
    def least(self) -> int:
        """Machines of the fleet's own kind, at least."""
        return self.zones * self.min_per_zone

    def bounded(self, wanted: Counts) -> Counts:
        """What is wanted, within the least and the most."""
        own = min(max(wanted[0], self.least), self.most)
        return own, min(wanted[1], self.most)

    def check(self) -> None:
        """Refuse rules by which no machine can ever start."""
        if self.launch_failure >= 1:
            seen = f"launch_failure_share is {self.launch_failure:g}"
            raise BadInput(f"capacity.faults: {seen}, so no machine can ever start")
        if self.start_s >= DAY_S:
            seen = (
                f"{self.start_s:g} s are a day or more, so no machine that is launched ever serves"
            )
            raise BadInput(f"capacity.start_s: {seen}; expected minutes, such as 240")
        if self.most < self.least:
            seen = f"max_machines is {self.most}, and {self.zones} zones take {self.least} at least"
            raise BadInput(f"capacity.group: {seen}; raise max_machines, or name fewer zones")


@dataclass(eq=False)
class Machine:
    """kind: 0 of the fleet's own, 1 of the overflow's; launched_s, ready_s, warm_s: of the day;
    ended_s: None while it runs; slot: of its queue, None until it serves.
    """

    kind: int
    zone: int
    launched_s: float
    ready_s: float
    warm_s: float
    slot: int | None = None
    ended_s: float | None = None

    @property
    def serves(self) -> bool:
        """Whether requests are sent to it."""
        return self.slot is not None and self.ended_s is None


@dataclass
class Group:
    """The machines of a day. running: those not ended, the oldest first; all: every one."""

    rules: GroupRules
    seed: int = 0
    wanted: Counts = NONE
    failed: int = 0
    running: list[Machine] = field(default_factory=list)
    all: list[Machine] = field(default_factory=list)
    lost_zones: set[int] = field(default_factory=set)

    def __post_init__(self):
        self._random = Random(self.seed)
        self._placed: Counter[tuple[int, int]] = Counter()  # (zone, kind) of those that run

    def begin(self, wanted: Counts) -> None:
        """Have so many machines at the start of the day, ready and warm."""
        self.wanted = self.rules.bounded(wanted)
        for kind in range(KINDS):
            for _ in range(self.wanted[kind]):
                machine = Machine(kind, self._emptiest_zone(kind), 0.0, 0.0, 0.0)
                self._add(machine)

    def count(self, kind: int) -> int:
        """Machines of a kind that run, ready or not."""
        return sum(self._placed[zone, kind] for zone in range(self.rules.zones))

    def ready(self) -> Counts:
        """Machines that serve, of each kind."""
        serving = [machine.kind for machine in self.running if machine.serves]
        return serving.count(0), serving.count(1)

    def starting(self, now_s: float) -> Counts:
        """Machines that do not serve, or are not warm yet, of each kind."""
        cold = [one.kind for one in self.running if not one.serves or one.warm_s > now_s]
        return cold.count(0), cold.count(1)

    def come_into_service(self, now_s: float) -> list[Machine]:
        """The machines whose start is over and that have no queue yet."""
        return [one for one in self.running if one.slot is None and one.ready_s <= now_s]

    def set_wanted(self, wanted: Counts, now_s: float) -> list[Machine]:
        """Launch or stop machines until there are as many; those that are stopped."""
        self.wanted = self.rules.bounded(wanted)
        self.failed = 0
        stopped = []
        for kind in range(KINDS):
            missing = self.wanted[kind] - self.count(kind)
            for _ in range(missing):
                self._launch(kind, now_s)
            for _ in range(-missing):
                stopped.append(self._stop(kind, now_s))
        return stopped

    def lose_zone(self, now_s: float) -> list[Machine]:
        """The machines of the zone that has most in service, all gone at once."""
        serving = Counter(machine.zone for machine in self.running if machine.serves)
        worst = max(range(self.rules.zones), key=lambda zone: serving[zone])
        self.lost_zones.add(worst)
        gone = [one for one in self.running if one.zone == worst]
        for machine in gone:
            self._end(machine, now_s)
        return gone

    def billed_s(self, end_s: float) -> tuple[float, float]:
        """Machine-seconds of the day until `end_s`, of each kind."""
        seconds = [0.0] * KINDS
        for machine in self.all:
            ended = end_s if machine.ended_s is None else min(machine.ended_s, end_s)
            seconds[machine.kind] += max(0.0, ended - machine.launched_s)
        return seconds[0], seconds[1]

    def _launch(self, kind: int, now_s: float) -> None:
        if self.rules.launch_failure and self._random.random() < self.rules.launch_failure:
            self.failed += kind == 0
            return
        rules = self.rules
        ready_s, warm_s = now_s + rules.start_s, now_s + max(rules.warmup_s, rules.start_s)
        self._add(Machine(kind, self._emptiest_zone(kind), now_s, ready_s, warm_s))

    def _add(self, machine: Machine) -> None:
        self.running.append(machine)
        self.all.append(machine)
        self._placed[machine.zone, machine.kind] += 1

    def _stop(self, kind: int, now_s: float) -> Machine:
        """Stop a machine that does not serve yet, else the oldest of the fullest zone."""
        of_kind = [machine for machine in self.running if machine.kind == kind]
        idle = [machine for machine in of_kind if not machine.serves]
        fullest = max(of_kind, key=lambda one: self._placed[one.zone, kind])
        chosen = idle[-1] if idle else fullest
        self._end(chosen, now_s)
        return chosen

    def _end(self, machine: Machine, now_s: float) -> None:
        machine.ended_s = now_s
        self.running.remove(machine)
        self._placed[machine.zone, machine.kind] -= 1

    def _emptiest_zone(self, kind: int) -> int:
        """The zone with the fewest machines of a kind, of those that are not lost."""
        left = [zone for zone in range(self.rules.zones) if zone not in self.lost_zones]
        if not left:
            return 0
        return min(left, key=lambda zone: self._placed[zone, kind])
