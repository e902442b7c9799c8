"""The queues of the machines that run: slots given, taken back, lost, for the compiled engine."""

import math

import numpy as np

from blipkit.capacity import engine
from blipkit.capacity.group import Machine
from blipkit.capacity.stations import Retrying, Service, Station

RING = 1024  # places in a ring of retries to begin with; it grows


class Fleet:
    """The machines' queues, request by request."""

    def __init__(self, stations: list[Station], services: list[Service], late_after_s: float):
        self._stations = stations
        self._samples = _samples(services)
        self._slots = 0
        self._reusable: list[int] = []
        state = np.zeros(1, engine.STATE)
        state["balancer"] = engine.LEAST_OUTSTANDING
        state["late_after"] = late_after_s
        servers = max(station.servers for station in stations)
        self._queues = engine.Queues(
            state,
            np.zeros(0, engine.MACHINE),
            np.zeros((0, servers)),
            np.zeros(0, np.int64),
            np.zeros(self._most_room() + 1, np.int64),
            np.zeros(1, engine.IN_SYSTEM),
        )
        self.tallies = engine.Tallies(
            np.zeros(1440, engine.MINUTE), np.zeros(engine.BINS, np.int64)
        )
        self.set_retries(Retrying())

    def set_retries(self, retrying: Retrying) -> None:
        """How refused requests are sent again."""
        waits = retrying.wait_s * 2.0 ** np.arange(retrying.times)
        waiting = np.zeros((retrying.times, RING), engine.WAITING)
        self._retries = engine.Retries(waiting, np.zeros((retrying.times, 2), np.int64), waits)

    def set_balancer(self, balancer: int) -> None:
        """Round robin or least outstanding, by the engine's numbers."""
        self._queues.state["balancer"] = balancer

    @property
    def sent(self) -> int:
        """Requests that the balancer was sent so far, retries among them."""
        return int(self._queues.state["sent"][0])

    @property
    def mean_s(self) -> float:
        """Mean latency so far; NaN before the first answer."""
        answered = int(self.tallies.minutes["answered"].sum())
        return float(self._queues.state["total_s"][0]) / answered if answered else math.nan

    def start(self, machine: Machine) -> None:
        """Give a machine a slot; the balancer sends to it from now on."""
        slot = self._free_slot()
        station = self._stations[machine.kind]
        self._queues.machines[slot] = (0, station.room, machine.kind, 1)
        self._queues.levels[0] += 1
        free = self._queues.free[slot]
        free[:] = np.inf
        free[: station.servers] = machine.ready_s
        count = self._queues.state["active"][0]
        self._queues.active[count] = slot
        self._queues.state["active"] = count + 1
        machine.slot = slot

    def stop(self, machine: Machine) -> None:
        """Send nothing more to a machine, which answers what it has and is paid for until then."""
        self._leave(machine.slot)
        busy = self._queues.free[machine.slot]
        machine.ended_s = max(machine.ended_s, busy[np.isfinite(busy)].max())
        self._reusable.append(machine.slot)

    def lose(self, machine: Machine) -> None:
        """A machine is gone: the requests that it had have failed."""
        self._leave(machine.slot)
        size = self._queues.state["in_system"][0]
        heap = self._queues.heap[:size]
        gone = heap["slot"] == machine.slot
        np.add.at(self.tallies.minutes["failed"], heap["minute"][gone], 1)
        left = np.sort(heap[~gone], order="departs")  # ascending, so a heap
        self._queues.heap[: len(left)] = left
        self._queues.state["in_system"] = len(left)
        self._queues.machines["outstanding"][machine.slot] = 0
        self._reusable.append(machine.slot)

    def advance(self, times: np.ndarray, draws: np.ndarray, until_s: float) -> None:
        """Serve a piece of the day: new requests and retries that are due before `until_s`."""
        self._make_room(len(times))
        arrivals = (times, draws)
        engine.advance(
            self._queues, self._samples, self._retries, self.tallies, arrivals, float(until_s)
        )

    def _leave(self, slot: int) -> None:
        """The balancer forgets a slot, and keeps the order of the others."""
        count = self._queues.state["active"][0]
        active = self._queues.active[:count]
        left = active[active != slot]
        self._queues.active[: len(left)] = left
        self._queues.state["active"] = len(left)
        left_with = self._queues.machines["outstanding"][slot]
        self._queues.levels[left_with] -= 1
        self._queues.machines["active"][slot] = 0

    def _free_slot(self) -> int:
        """A slot that nobody has: one whose machine has answered all, or a new one."""
        for place, slot in enumerate(self._reusable):
            if not self._queues.machines["outstanding"][slot]:
                return self._reusable.pop(place)
        if self._slots == len(self._queues.machines):
            self._grow(max(8, 2 * self._slots))
        self._slots += 1
        return self._slots - 1

    def _most_room(self) -> int:
        """Requests that a machine has at most."""
        return max(station.room for station in self._stations)

    def _grow(self, slots: int) -> None:
        """Arrays for so many slots."""
        old = self._queues
        room = self._most_room()
        self._queues = engine.Queues(
            old.state,
            _longer(old.machines, slots),
            _longer(old.free, slots),
            _longer(old.active, slots),
            old.levels,
            _longer(old.heap, slots * room + 1),
        )

    def _make_room(self, new: int) -> None:
        """Rings large enough for every request that may be refused now."""
        retries = self._retries
        waiting = int((retries.ends[:, 1] - retries.ends[:, 0]).sum())
        places = retries.waiting.shape[1]
        if len(retries.wait_s) == 0 or new + waiting <= places:
            return
        rings = np.zeros((len(retries.wait_s), 2 * (new + waiting)), engine.WAITING)
        ends = np.zeros_like(retries.ends)
        for ring, (first, end) in enumerate(retries.ends):
            order = np.arange(first, end) % places
            rings[ring, : len(order)] = retries.waiting[ring, order]
            ends[ring, 1] = len(order)
        self._retries = engine.Retries(rings, ends, retries.wait_s)


def _samples(services: list[Service]) -> engine.Samples:
    """The times of every kind of machine, in rows of the same length."""
    sizes = np.array([len(one.service_s) for one in services])
    service = np.zeros((len(services), sizes.max()))
    overhead = np.zeros_like(service)
    for kind, one in enumerate(services):
        service[kind, : sizes[kind]] = one.service_s
        overhead[kind, : sizes[kind]] = one.overhead_s
    return engine.Samples(service, overhead, sizes)


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    """The array with zeros after it."""
    grown = np.zeros((length, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
