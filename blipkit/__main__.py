"""The command line: run, report, publish, doctor. Heavy imports wait until a command needs them."""

from pathlib import Path
from typing import Annotated

import typer

from blipkit.errors import BadInput, BlipkitError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
PROFILE = Annotated[str, typer.Argument(help="a profile's name in params/, or a path to one")]


@app.callback()
def main() -> None:
    """Can this BLIP model move to AWS Inferentia2 without changing its answers, and what would it cost there?"""


@app.command()
def run(
    profile: PROFILE,
    settings: Annotated[list[str], typer.Option("--set", help="section.key=value, value in YAML; repeatable")] = [],
    only: Annotated[list[str], typer.Option(help="a notebook, such as 03_parity; repeatable")] = [],
    results: Annotated[Path | None, typer.Option(help="results folder; default results/<profile>")] = None,
    force: Annotated[bool, typer.Option("--force", help="compile again what is compiled")] = False,
) -> None:
    """Run the notebooks of a profile, then write verdict and report."""
    from blipkit.params import load_profile
    from blipkit.run import run_profile

    raise typer.Exit(run_profile(load_profile(profile, settings), results, only, force, say=typer.echo))


@app.command()
def report(folders: Annotated[list[Path], typer.Argument(help="results folders")]) -> None:
    """Write verdict and report again from what a run recorded."""
    from blipkit.report import write_report

    for folder in folders:
        page, verdict = write_report(folder)
        typer.echo(f"{folder}: {verdict['status']}, {verdict['decision']['answer']}: {page}")


@app.command()
def publish(folder: Annotated[Path, typer.Argument(help="a results folder")]) -> None:
    """Keep a run's evidence in the repository, under results/published/."""
    from blipkit.publish import publish

    typer.echo(publish(folder))


@app.command()
def doctor() -> None:
    """Say what this machine is and which arms it can run."""
    from rich.console import Console
    from rich.table import Table

    from blipkit import machine
    from blipkit.arms import DTYPES, RUNNERS, check_arm

    about = machine.describe()
    console = Console()
    console.print(f"{about['name']}, {about['memory_gib']} GiB, {about['system']}")
    console.print(", ".join(f"{name} {version}" for name, version in about["versions"].items()))
    table = Table("arm", "runs here", "why not")
    for name in RUNNERS:
        for dtype in DTYPES:
            try:
                check_arm(name, dtype)
                table.add_row(f"{name} {dtype}", "yes", "")
            except BadInput as error:
                table.add_row(f"{name} {dtype}", "no", str(error))
    console.print(table)


def entry() -> None:
    """Errors become one message and an exit status: 2 for bad input, 1 for the rest."""
    try:
        app()
    except BlipkitError as error:
        typer.echo(f"blipkit: {error}", err=True)
        raise SystemExit(2 if isinstance(error, BadInput) else 1) from None


if __name__ == "__main__":
    entry()
