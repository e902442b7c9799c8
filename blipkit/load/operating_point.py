"""The setting to run for a latency target: latency against throughput, and the answer in words."""

from dataclasses import dataclass

from blipkit.load.figures import draw_curve
from blipkit.load.grid import Grid
from blipkit.load.recommend import best_setting, in_words
from blipkit.load.rows import GridRow


@dataclass(frozen=True)
class OperatingPoint:
    """The setting to run of each arm and placement of a grid, where the target is `target_ms`."""

    grid: Grid
    target_ms: float

    def best(self, group: tuple[str, str]) -> GridRow | None:
        """The row of an arm and placement to run; None where none holds the target."""
        return best_setting(self.grid.groups[group], self.target_ms, self.grid.target.shared)

    def in_words(self, group: tuple[str, str]) -> str:
        """Where to run, how far below the target, and what the next more clients would cost."""
        return in_words(self.best(group), self.grid.groups[group], self.target_ms)

    def figure(self) -> None:
        """Latency against throughput for each arm and placement, with the setting to run."""
        percent = self.grid.target.percentile
        for group, rows in self.grid.groups.items():
            title = f"Latency against throughput: {', '.join(group)}"
            y = f"latency, p{percent:g}, ms"
            caption = self.in_words(group)
            draw_curve(rows, self.best(group), self.target_ms, title, y, caption)

    def __str__(self) -> str:
        lines = [self.in_words(group) for group in self.grid.groups]
        return "\n".join(lines) or "no setting was recorded"
