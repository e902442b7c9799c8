"""The queues of a fleet, request by request: first come, first served on S servers a machine.

There is no list of events: a machine's next free server says when a request departs, and a heap of
the departures to come says how many requests each machine has outstanding, which is what a load
balancer goes by. All of it is compiled by numba: arrays of records are passed, as each tuple of
arrays that a compiled function takes apart, and each call that is not inlined, costs it as much as
a request. docs/capacity.md has the rules.
"""

from typing import NamedTuple

import numpy as np

from blipkit.capacity.compiled import compiled, inlined

MINUTE_S = 60.0
# of the histogram: from 10 us on, each bin 2 % wider than the one before, to about 5,000 s
FIRST_S, GROWTH, BINS = 1e-5, 1.02, 1024
PER_LOG = 1 / np.log(GROWTH)
ROUND_ROBIN, LEAST_OUTSTANDING = 0, 1

# in_system, sent: requests; turn: the balancer's; active: machines that it sends to; balancer: one
# of the two above; total_s: of all latencies; late_after: latency target, s
STATE = np.dtype(
    [
        *((name, np.int64) for name in ("in_system", "sent", "turn", "active", "balancer")),
        *((name, np.float64) for name in ("total_s", "late_after")),
    ]
)
# requests that a machine has, how many it takes, its kind, and whether the balancer sends to it
MACHINE = np.dtype([(name, np.int64) for name in ("outstanding", "room", "kind", "active")])
# a request in the system: latency as it will be, s; minute: in which it was first sent
IN_SYSTEM = np.dtype(
    [("departs", np.float64), ("latency", np.float64), ("slot", np.int64), ("minute", np.int64)]
)
# a refused request that waits to be sent again: born: when it was first sent; draw: which sample
WAITING = np.dtype([(name, np.float64) for name in ("due", "born", "draw")])
# what became of the requests that were first sent in a minute; late: of those answered; failed:
# their machine was lost
MINUTE = np.dtype([(name, np.int64) for name in ("answered", "late", "refused", "failed")])


class Samples(NamedTuple):
    """Measured times to draw from, s: a row for each kind of machine.

    service: on a server; overhead: of the same request, beside queue and server; sizes: how many
    of each row there are.
    """

    service: np.ndarray
    overhead: np.ndarray
    sizes: np.ndarray


class Queues(NamedTuple):
    """Every machine's queue, by its slot, and the requests in the system.

    state: one STATE; machines: MACHINE, by slot; free: when each server of a slot is free, s, inf
    where the machine has no such server; active: the slots that the balancer sends to, as many as
    the state says; levels: how many of these have none outstanding, one, two, and on; heap:
    IN_SYSTEM, the earliest departure first.
    """

    state: np.ndarray
    machines: np.ndarray
    free: np.ndarray
    active: np.ndarray
    levels: np.ndarray
    heap: np.ndarray


class Retries(NamedTuple):
    """The refused requests that wait to be sent again: a ring for each attempt after the first.

    waiting: WAITING; ends: of each ring, how many were taken out, and how many put in; wait_s:
    before each attempt.
    """

    waiting: np.ndarray
    ends: np.ndarray
    wait_s: np.ndarray


class Tallies(NamedTuple):
    """What became of the requests. minutes: MINUTE; histogram: of the latencies."""

    minutes: np.ndarray
    histogram: np.ndarray


@inlined
def push(heap, size, departs, latency, slot, minute):
    """Put a request into the heap of so many."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if heap[parent].departs <= departs:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place].departs = departs
    heap[place].latency = latency
    heap[place].slot = slot
    heap[place].minute = minute


@inlined
def pop(heap, size):
    """Take the request that departs first out of a heap, of which so many are left."""
    departs = heap[size].departs
    place = 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and heap[child + 1].departs < heap[child].departs:
            child += 1
        if heap[child].departs >= departs:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = heap[size]


@inlined
def have(machines, levels, slot, more):
    """Let a machine have one request more, or one less, outstanding."""
    before = machines[slot].outstanding
    machines[slot].outstanding = before + more
    if machines[slot].active:
        levels[before] -= 1
        levels[before + more] += 1


@inlined
def depart(state, heap, machines, levels, tallies, until):
    """Count every answer that is given by `until`, s."""
    minutes, histogram = tallies
    size = state[0].in_system
    while size > 0 and heap[0].departs <= until:
        latency = heap[0].latency
        minute = heap[0].minute
        have(machines, levels, heap[0].slot, -1)
        minutes[minute].answered += 1
        if latency > state[0].late_after:
            minutes[minute].late += 1
        bin = int(np.log(max(latency / FIRST_S, 1.0)) * PER_LOG)
        histogram[min(bin, BINS - 1)] += 1
        state[0].total_s += latency
        size -= 1
        pop(heap, size)
    state[0].in_system = size


@inlined
def choose(state, machines, active, levels):
    """The slot that the balancer sends the next request to, in turn, or to the machine with the
    fewest outstanding, the first of them from its turn on; -1 without any machine.
    """
    count = state[0].active
    if count == 0:
        return -1
    place = state[0].turn
    if place >= count:
        place = 0
    if state[0].balancer == LEAST_OUTSTANDING:
        least = 0
        while levels[least] == 0:
            least += 1
        while machines[active[place]].outstanding > least:
            place += 1
            if place == count:
                place = 0
    state[0].turn = place + 1
    return active[place]


@inlined
def occupy(free, slot, at, service_s):
    """When a request departs that arrives now: its machine's next free server takes it."""
    server = 0
    for other in range(1, free.shape[1]):
        if free[slot, other] < free[slot, server]:
            server = other
    departs = max(at, free[slot, server]) + service_s
    free[slot, server] = departs
    return departs


@inlined
def next_due(retries, until):
    """(ring, when) of the retry that is due next; (-1, until) where none is before `until`."""
    found = -1
    soonest = until
    for ring in range(len(retries.wait_s)):
        first = retries.ends[ring, 0]
        if first < retries.ends[ring, 1]:
            due = retries.waiting[ring, first % retries.waiting.shape[1]].due
            if due < soonest:
                found = ring
                soonest = due
    return found, soonest


@inlined
def refuse(retries, minutes, attempt, at, born, draw):
    """Have a refused request sent again after a while, or count it where it was the last time."""
    if attempt == len(retries.wait_s):
        minutes[int(born / MINUTE_S)].refused += 1
        return
    place = retries.ends[attempt, 1] % retries.waiting.shape[1]
    retries.waiting[attempt, place].due = at + retries.wait_s[attempt]
    retries.waiting[attempt, place].born = born
    retries.waiting[attempt, place].draw = draw
    retries.ends[attempt, 1] += 1


@inlined
def take_retry(retries, ring):
    """(when first sent, draw) of the first that waits in a ring, which is taken out."""
    first = retries.ends[ring, 0]
    retries.ends[ring, 0] = first + 1
    taken = retries.waiting[ring, first % retries.waiting.shape[1]]
    return taken.born, taken.draw


@compiled
def advance(queues, samples, retries, tallies, arrivals, until):
    """Send every request that is due before `until`, s, and count every answer given by then.

    arrivals: the times of new requests, s, ascending, and a draw of each, from 0 to below 1.
    """
    state, machines, free, active, levels, heap = queues
    service, overhead, sizes = samples
    minutes = tallies.minutes
    times, draws = arrivals
    place = 0
    ring, due = next_due(retries, until)
    while place < len(times) or ring >= 0:
        if ring < 0 or (place < len(times) and times[place] <= due):
            at = born = times[place]
            draw = draws[place]
            attempt = 0
            place += 1
        else:
            at = due
            attempt = ring + 1
            born, draw = take_retry(retries, ring)
            ring, due = next_due(retries, until)
        depart(state, heap, machines, levels, tallies, at)
        state[0].sent += 1
        slot = choose(state, machines, active, levels)
        if slot < 0 or machines[slot].outstanding >= machines[slot].room:
            refuse(retries, minutes, attempt, at, born, draw)
            ring, due = next_due(retries, until)
            continue
        kind = machines[slot].kind
        sample = int(draw * sizes[kind])
        departs = occupy(free, slot, at, service[kind, sample])
        latency = departs - born + overhead[kind, sample]
        have(machines, levels, slot, 1)
        push(heap, state[0].in_system, departs, latency, slot, int(born / MINUTE_S))
        state[0].in_system += 1
    depart(state, heap, machines, levels, tallies, until)
