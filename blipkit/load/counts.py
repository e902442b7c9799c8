"""What is counted in one run of a setting: by its clients, by its servers, and of the machine."""

from dataclasses import dataclass, replace

from blipkit.load.clients import ClientCounts
from blipkit.machine.monitor import Usage
from blipkit.records.typed import part
from blipkit.serving.server import ServerCounts


def miscounted(recorded: int, sent: int) -> str:
    """That clients wrote down more or fewer requests than they counted; "" where they did not."""
    if recorded == sent:
        return ""
    return f"{recorded} requests were recorded, {sent} counted as sent"


@dataclass(frozen=True)
class RunCounts:
    """One run of a setting.

    seconds: the measured time; cores: of the machine; problem: what went wrong, in words.
    """

    clients: ClientCounts = part()
    servers: ServerCounts = part("server_")
    seconds: float
    cores: int
    problem: str
    machine: Usage = part()

    def with_problem(self, problem: str) -> "RunCounts":
        """The same run, in which this went wrong, too."""
        return replace(self, problem="; ".join(filter(None, [self.problem, problem])))

    @property
    def clients_percent(self) -> float:
        """CPU time of asking, in percent of all cores' time."""
        return 100 * self.clients.clients_cpu_s / self.seconds / self.cores

    @property
    def unaccounted(self) -> int:
        """Requests that were not counted exactly once by the clients, by the server, or by both
        alike.

        Where something died, the two may differ.
        """
        by_each = self._unaccounted_by_clients() + self._unaccounted_by_servers()
        if self.problem:
            return by_each
        return by_each + self._counted_differently()

    def _unaccounted_by_clients(self) -> int:
        counts = self.clients
        answered = counts.answered + counts.wrong
        ended = answered + counts.refused + counts.failed + counts.lost
        return abs(counts.sent - ended) + counts.twice

    def _unaccounted_by_servers(self) -> int:
        counts = self.servers
        ended = counts.answered + counts.refused + counts.failed + counts.dropped
        return abs(counts.received - ended)

    def _counted_differently(self) -> int:
        """Requests by which clients and servers differ."""
        clients = self.clients
        servers = self.servers
        pairs = (
            (clients.answered + clients.wrong, servers.answered),
            (clients.sent, servers.received),
            (clients.refused, servers.refused),
            (clients.failed, servers.failed),
        )
        return sum(abs(by_clients - by_servers) for by_clients, by_servers in pairs)
