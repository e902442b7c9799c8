"""The same day by SimPy, event by event and plainly, to compare the compiled one with."""

from dataclasses import dataclass, field

import simpy

from blipkit.capacity.policies import Alarm, Seen

DAY_S = 86_400
GRID = 2.0**-36  # s: times on it add up without rounding, within a day


@dataclass(eq=False)
class TwinMachine:
    """A machine with S servers and a bounded queue."""

    env: simpy.Environment
    servers: int
    room: int
    zone: int
    ready_s: float
    warm_s: float
    launched_s: float
    outstanding: int = 0
    serves: bool = False
    ended: bool = False

    def __post_init__(self):
        self.resource = simpy.Resource(self.env, capacity=self.servers)


@dataclass
class Twin:
    """A fleet with a policy, least outstanding requests first.

    departures: of each request, by its number, None where it was refused; events: (s, before,
    after) of what is wanted.
    """

    policy: object
    servers: int
    waiting: int
    zones: int
    least: int
    start_s: float
    warmup_s: float
    delay_s: float = 0.0
    period_s: int = 60
    events: list = field(default_factory=list)
    ready_by_minute: list = field(default_factory=list)

    def run(self, times, services, first_rate: float, end_s: float = DAY_S) -> list:
        """The departures of requests that arrive at these times and take so long."""
        self.env = simpy.Environment()
        self.machines = []
        self.active = []
        self.turn = 0
        self.sent = 0
        self.published = []
        self.alarm = Alarm()
        self.departures = [None] * len(times)
        self.wanted = max(self.policy.first(first_rate)[0], self.least)
        for _ in range(self.wanted):
            self._add(0.0, 0.0)
        self.env.process(self._clock(end_s))
        self.env.process(self._arrive(times, services))
        self.env.run()
        return self.departures

    def _arrive(self, times, services):
        for number, at in enumerate(times):
            yield self.env.timeout(at - self.env.now)
            self.sent += 1
            machine = self._choose()
            if machine is None or machine.outstanding >= machine.room:
                continue
            machine.outstanding += 1
            self.env.process(self._serve(machine, number, services[number]))

    def _serve(self, machine, number, service):
        with machine.resource.request() as turn:
            yield turn
            yield self.env.timeout(service)
        machine.outstanding -= 1
        self.departures[number] = self.env.now

    def _choose(self):
        """The machine with the fewest outstanding, the first of them after the last one chosen."""
        if not self.active:
            return None
        count = len(self.active)
        start = self.turn if self.turn < count else 0
        order = [(start + step) % count for step in range(count)]
        best = min(order, key=lambda place: self.active[place].outstanding)
        self.turn = best + 1
        return self.active[best]

    def _clock(self, end_s):
        while self.env.now < end_s:
            now = self.env.now
            if now > 0:
                self._scale(now)
            for machine in self.machines:
                if not machine.serves and machine.ready_s <= now:
                    machine.serves = True
                    self.active.append(machine)
            before = self.sent
            self.ready_by_minute.append(len(self.active))
            yield self.env.timeout(self.period_s)
            rate = (self.sent - before) * 60 / self.period_s
            self.published.append((self.env.now, rate, len(self.active)))

    def _scale(self, now):
        """Ask the policy what is wanted, and launch or stop machines."""
        visible = [one for one in self.published if one[0] + self.delay_s <= now]
        rate, targets = visible[-1][1:] if visible else (None, 0)
        cold = sum(not one.serves or one.warm_s > now for one in self.machines)
        warm = len(self.machines) - cold
        seen = Seen(now, rate, (targets, 0), (warm, 0), (cold, 0), (self.wanted, 0))
        decision = self.policy.decide(self.alarm, seen)
        self.alarm = decision.alarm
        wanted = max(decision.wanted[0], self.least)
        if wanted != self.wanted:
            self.events.append((now, self.wanted, wanted))
        self.wanted = wanted
        while len(self.machines) < wanted:
            self._add(now + self.start_s, now + max(self.start_s, self.warmup_s))
        while len(self.machines) > wanted:
            self._stop()

    def _add(self, ready_s, warm_s):
        zones = [one.zone for one in self.machines]
        zone = min(range(self.zones), key=zones.count)
        room = self.servers + self.waiting
        machine = TwinMachine(self.env, self.servers, room, zone, ready_s, warm_s, self.env.now)
        self.machines.append(machine)

    def _stop(self):
        """One that does not serve yet, else the oldest of the fullest zone."""
        idle = [one for one in self.machines if not one.serves]
        zones = [one.zone for one in self.machines]
        oldest = max(self.machines, key=lambda one: zones.count(one.zone))
        machine = idle[-1] if idle else oldest
        self.machines.remove(machine)
        if machine in self.active:
            self.active.remove(machine)
