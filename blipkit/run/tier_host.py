"""What a tier runs on: uvicorn in this process, or replicas on Ray."""

from typing import Annotated

import typer

from blipkit.errors import BadInput, nearest
from blipkit.run.tier_files import STDOUT

ON = Annotated[str, typer.Option(help="what runs it: uvicorn or ray", metavar="WHAT")]


def check_on(on: str, replicas: int, address: str, metrics: str | None) -> None:
    """Refuse what nothing runs on, and what Ray alone has or has not."""
    if on not in ("uvicorn", "ray"):
        raise BadInput(f"--on {on!r}; {nearest(on, ['uvicorn', 'ray'])}")
    if replicas < 1:
        raise BadInput(f"--replicas {replicas}; expected at least 1")
    if on == "uvicorn" and (replicas > 1 or address):
        raise BadInput("--replicas and --address are Ray's; add --on ray")
    if on == "ray" and metrics == STDOUT:
        raise BadInput("--metrics -: what replicas print nobody sees; expected a file")


def check_installed(on: str) -> None:
    """Refuse to serve where what runs it is missing."""
    from blipkit.service.extra import HTTP, RAY, check_extra

    check_extra(HTTP + RAY if on == "ray" else HTTP)
