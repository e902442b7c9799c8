"""The rows of a grid and of the run with admission control, as they are kept."""

from dataclasses import dataclass

from blipkit.load.conditions import Conditions
from blipkit.load.setting import Setting, name_of
from blipkit.load.summary import Summary
from blipkit.records.typed import part
from blipkit.statistics import Interval

FAIR = 0.5  # of the mean number of answers: what each client gets where they take fair turns


@dataclass(frozen=True)
class SettingRow:
    """A setting and what its requests say; its attributes are what the row is chosen by."""

    setting: Setting = part()
    summary: Summary = part()

    @property
    def name(self) -> str:
        """Its setting's name."""
        return name_of(self.setting)

    @property
    def arm(self) -> str:
        return self.setting.arm

    @property
    def placement(self) -> str:
        return self.setting.placement

    @property
    def servers(self) -> int:
        return self.setting.servers

    @property
    def clients(self) -> int:
        return self.setting.clients

    @property
    def batch_size(self) -> int:
        return self.setting.batch_size

    @property
    def state(self) -> str:
        """Stable, unstable, unclear or INVALID."""
        return self.summary.state

    @property
    def latency_ms(self) -> Interval:
        """The percentile that the target is about."""
        return self.summary.latency_ms

    @property
    def answers_per_s(self) -> Interval:
        return self.summary.answers_per_s

    @property
    def taken_percent(self) -> float:
        """Of the machine's CPU, what others took."""
        return self.summary.machine.taken_percent


@dataclass(frozen=True)
class GridRow(SettingRow):
    """A row of a grid, with what follows for it from the others.

    predicted_ms: mean latency by the first setting of its arm; ratio: measured over predicted, nan
    where nothing was; feeding_percent: of the host's CPU, to feed the servers; best:
    whether it is the setting to run of its arm; saturated: throughput near the highest of as many
    servers. None for the rows without a model, which it is not asked of.
    """

    predicted_ms: float
    ratio: float
    feeding_percent: float | None
    best: bool = False
    saturated: bool | None = None


@dataclass(frozen=True)
class AdmissionRow(SettingRow):
    """Twice the clients of the setting to run, no more requests in flight than it has clients.

    limit: requests in flight at most; unlimited_ms: the latency without a limit and with half the
    clients, upper end of its interval; pause_ms: mean time that a client lets pass after each
    reply; fewest_answers, most_answers: that one client got in the measured time. None of an older
    kit.
    """

    limit: int
    unlimited_ms: float | None
    pause_ms: float | None = None
    fewest_answers: int | None = None
    most_answers: int | None = None

    @property
    def turns(self) -> str:
        """How the answers are spread over the clients, in words; "" where it is not known."""
        if self.fewest_answers is None:
            return ""
        spread = f"answers per client: {self.fewest_answers} to {self.most_answers}"
        mean = self.summary.requests / self.clients
        if self.fewest_answers < FAIR * mean:
            return f"{spread}, which are no fair turns ({mean:.3g} on average)"
        return spread


@dataclass(frozen=True)
class GridRecord:
    """A record of `concurrency`. setting: its name, None where there is no model."""

    conditions: Conditions = part()
    row: GridRow = part()
    setting: str | None = None


@dataclass(frozen=True)
class AdmissionRecord:
    """A record of `admission`."""

    conditions: Conditions = part()
    row: AdmissionRow = part()
