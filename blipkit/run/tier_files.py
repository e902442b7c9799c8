"""Where a tier listens, and which files get the lines of its ledger and of its metrics."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blipkit.errors import BadInput, system_problem
from blipkit.paths import user_file

if TYPE_CHECKING:
    from blipkit.service.json_lines import LineFile
    from blipkit.service.replicas import Written

LOOPBACK = "127.0.0.1"
STDOUT = "-"


def lines_option(what: str, gets: str, printed: bool = False) -> Any:
    """The type of an option that names a file, or none, which gets lines; if these may be printed,
    - is for that.
    """

    def file(text: str) -> str:
        if text != STDOUT:
            return str(user_file(text, what))
        if not printed:
            raise BadInput(f"{what} -: only metrics are printed; expected a file")
        return text

    option = typer.Option(help=f"file that gets {gets}", parser=file, metavar="FILE")
    return Annotated[str | None, option]


HOST = Annotated[str, typer.Option(help="address to listen on; 0.0.0.0: from other machines, too")]
LEDGER = lines_option("--ledger", "a line for each request's outcome")
METRICS = lines_option(
    "--metrics", "the metrics, a line a period, for CloudWatch; - prints them", True
)


@dataclass(frozen=True)
class Place:
    """Where a tier listens, and which files get its ledger and its metrics, if any do."""

    host: str
    port: int
    ledger: str | None
    metrics: str | None


@contextlib.contextmanager
def opened(place: Place) -> Iterator[tuple]:
    """The socket of a tier, and what takes the lines of its ledger and of its metrics."""
    from blipkit.service.running import listen

    with (
        listen(place.port, place.host) as listening,
        ledger_to(place.ledger) as write,
        lines_to(place.metrics) as emit,
    ):
        yield listening, write, emit


def announcing(url: str) -> Callable[[str], None]:
    """What says how a tier is, with where it is."""

    def say(state: str) -> None:
        say_line(f"{url}: {state}")

    return say


def say_line(line: str) -> None:
    """Print a line; where nobody reads it, or the disk is full, what runs goes on, and says it
    among the errors.
    """
    try:
        typer.echo(line)
    except OSError:
        with contextlib.suppress(OSError):
            typer.echo(line, err=True)


def check_apart(files: Mapping[str, str | Path | None]) -> None:
    """Refuse one file for lines of two kinds. files: option -> its file, if any."""
    options: dict[str, str] = {}
    for option, path in files.items():
        if not path or path == STDOUT or (os.path.exists(path) and not os.path.isfile(path)):
            continue
        other = options.setdefault(os.path.realpath(path), option)
        if other != option:
            problem = f"{other} and {option} are both {path}"
            raise BadInput(f"{problem}; expected a file for each")


@contextlib.contextmanager
def ledger_to(path: str | None) -> Iterator[Callable]:
    """What takes the lines of a ledger; nothing keeps them where no file is named."""
    from blipkit.service.ledger import LedgerFile

    if not path:
        yield lambda line: None
        return
    with opening("--ledger", path, LedgerFile) as file:
        yield file.add


@contextlib.contextmanager
def lines_to(path: str | None) -> Iterator[Callable[[str], None]]:
    """What takes the lines of metrics; nothing keeps them where no file is named."""
    if not path:
        yield lambda line: None
        return
    from blipkit.service.json_lines import LineFile

    if path == STDOUT:
        yield typer.echo
        return
    with opening("--metrics", path, LineFile) as file:
        yield lambda line: file.add_text(f"{line}\n")


def opening(option: str, path: str, kind: Callable) -> "LineFile":
    """The file that an option names, of a kind of `LineFile`; BadInput where it cannot be had."""
    try:
        return kind(Path(path))
    except OSError as error:
        raise BadInput(f"{option} {system_problem(error)}") from None


def written_by(place: Place, every_s: float) -> "Written":
    """What replicas write, by whole names, wherever they are started."""
    from blipkit.service.replicas import Written

    ledger, metrics = (os.path.abspath(one) if one else "" for one in (place.ledger, place.metrics))
    return Written(ledger, metrics, every_s)
