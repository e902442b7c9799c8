"""The command line. Heavy imports wait until a command needs them."""

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import blipkit
from blipkit.errors import INTERRUPTED, BlipkitError, system_problem
from blipkit.machine.scratch import ScratchFolder, instead_of_home
from blipkit.machine.surroundings import find_own_programs
from blipkit.run import adopting, fleet, serving, shadowing, switching, watching
from blipkit.run.arguments import (
    CLIP,
    GOLDEN,
    ONLY,
    PROFILE,
    REPLAY,
    RESULTS,
    SETTINGS,
    Commands,
    check_settings,
    folder_argument,
    folder_for,
    say_version,
)

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=blipkit.__doc__,
)
prices = typer.Typer(no_args_is_help=True, help="The price table, params/prices.csv.")
app.callback()(say_version)
app.add_typer(fleet.commands, name="capacity")
app.add_typer(prices, name="prices")
app.add_typer(adopting.commands)
app.add_typer(serving.commands)
app.add_typer(shadowing.commands)
app.add_typer(switching.commands)
app.add_typer(watching.commands)
console = Console(highlight=False)


@app.command()
def run(
    profile: PROFILE,
    settings: SETTINGS = [],
    only: ONLY = [],
    results: RESULTS = None,
    replay: REPLAY = None,
    force: Annotated[bool, typer.Option("--force", help="compile again what is compiled")] = False,
) -> None:
    """Run the notebooks of a profile, then write verdict and report."""
    from blipkit.machine import fork_server

    if fork_server.is_possible():
        fork_server.address()  # it imports torch and transformers while we import the rest
    from blipkit.profiles.profile import load_profile
    from blipkit.run.notebooks import run_profile
    from blipkit.run.progress import Terminal

    check_settings(settings)
    loaded = load_profile(profile, settings)
    if not console.is_terminal:
        raise typer.Exit(run_profile(loaded, results, only, force, replay))
    with Terminal(console) as progress:
        status = run_profile(loaded, results, only, force, replay, progress)
    raise typer.Exit(status)


@app.command()
def lab(
    profile: PROFILE = "tiny",
    start: Annotated[bool, typer.Option(help="open them in JupyterLab")] = True,
) -> None:
    """Copy the chapters into results/lab/PROFILE and open them there, to step through and edit."""
    from blipkit.profiles.profile import load_profile
    from blipkit.run.lab import copy_chapters, open_lab

    folder, changed = copy_chapters(load_profile(profile))
    typer.echo(f"chapters with the knobs of {profile}: {folder}")
    if changed:
        typer.echo(
            f"yours, and kept as they are: {', '.join(changed)}; remove one to get the chapter anew"
        )
    if start:
        raise typer.Exit(open_lab(folder))


@app.command()
def report(
    folders: Annotated[
        list[Path], folder_argument("FOLDER", "results folders; the last one's report shows all")
    ],
) -> None:
    """Write verdict and report again; several results folders stand in it side by side."""
    from blipkit.report.page import write_report

    page, verdict = write_report(folders[-1], folders[:-1])
    typer.echo(f"{folders[-1]}: {verdict.status}, {verdict.decision.answer}: {page}")


@app.command()
def compare(
    before: Annotated[Path, folder_argument("A")],
    after: Annotated[Path, folder_argument("B", "another one")],
    baseline: Annotated[
        bool, typer.Option("--baseline", help="what A measured and B did not counts as worse")
    ] = False,
) -> None:
    """Show what changed from A to B; exit 1 where an answer gate, p99 or $ got worse.

    A figure got worse where it left its interval.
    """
    from blipkit.records.evidence import not_verified
    from blipkit.report import compare as compared
    from blipkit.report.differences import find_differences

    changes = compared.compare_folders(before, after, baseline)
    different = find_differences([before, after])
    if different.rows:
        console.print(compared.differences_table(different))
    console.print(compared.table(changes))
    for line in [compared.in_a_line(changes), *not_verified([before, after])]:
        typer.echo(line)
    raise typer.Exit(int(compared.has_worsened(changes)))


@app.command()
def capture(
    profile: PROFILE,
    arm: Annotated[
        str, typer.Option(help="the arm that answers today; default: the profile's first")
    ] = "",
    to: GOLDEN = None,
    with_frames: Annotated[
        bool, typer.Option("--with-frames", help="put the pictures in, too")
    ] = False,
    settings: SETTINGS = [],
) -> None:
    """Keep an arm's golden outputs, to compare with elsewhere: --set parity.incumbent=FOLDER."""
    from blipkit.paths import ROOT
    from blipkit.profiles.profile import load_profile
    from blipkit.run.preflight import check, use_absolute_folders

    check_settings(settings)
    loaded = load_profile(profile, settings)
    use_absolute_folders(loaded)
    folder = to or ROOT / "results" / f"{loaded.name}-bundle"
    check(loaded, folder)

    from blipkit.parity import golden_capture

    artifacts = ROOT / "results" / loaded.name / "artifacts"
    asked = arm or loaded.common.arms[0]
    golden = golden_capture.capture(loaded, asked, folder, artifacts, with_frames)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    typer.echo(
        f"{golden}: {size / 1e6:.1f} MB; compare with it there: --set parity.incumbent={folder}"
    )


@app.command()
def publish(folder: Annotated[Path | None, folder_argument("FOLDER")] = None) -> None:
    """Keep a run's evidence in results/published/; without a folder, list anew what is there."""
    from blipkit.run.publish import publish_in_words

    for line in publish_in_words(folder):
        typer.echo(line)


@app.command()
def forecast(
    profile: PROFILE,
    against: Annotated[
        Path | None,
        typer.Option(
            help="a measured results folder; default results/<profile>",
            parser=folder_for("--against"),
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="the forecast's folder; default results/<profile>", parser=folder_for("--to")
        ),
    ] = None,
) -> None:
    """Seal what an Inf2 is expected to do; where it is sealed already, score it."""
    from datetime import date

    from blipkit.cost import forecast as forecasts
    from blipkit.paths import ROOT
    from blipkit.profiles.profile import load_profile

    loaded = load_profile(profile)
    folder = to or ROOT / "results" / loaded.name
    if not (folder / forecasts.FILE).exists():
        sealed = forecasts.make_forecast(loaded, date.today().isoformat())
        path = forecasts.write_forecast(sealed, folder)
        typer.echo(f"sealed {path}: measured by {sealed.machine}, digest {sealed.digest}")
    sealed = forecasts.read_forecast(folder)
    for line in forecasts.score_lines(sealed, against or folder):
        typer.echo(line)


@prices.command()
def refresh() -> None:
    """Write AWS's on-demand prices of today to params/prices.csv.

    It needs the extra `aws`, and credentials.
    """
    from blipkit.cost.price_list import refresh_prices
    from blipkit.display.tables import terminal_table

    changes = refresh_prices()
    moved = [change for change in changes if change.before != change.after]
    if moved:
        cells = ([str(value) for value in vars(change).values()] for change in moved)
        console.print(terminal_table(vars(moved[0]), cells))
    asked = f"{len(changes)} prices asked for, {len(moved)} of them changed"
    typer.echo(f"{asked}; params/prices.csv is of today")


@app.command()
def frames(
    clip: CLIP,
    folder: Annotated[Path, folder_argument("FOLDER", "where the frames go")],
    every: Annotated[
        str, typer.Option(help="one frame per this much of the video: 2s, 500ms, 1m")
    ] = "2s",
) -> None:
    """Cut a video into frames to ask about: --set common.frames_from=FOLDER."""
    from blipkit.frames.video import cut_video, parse_every

    written = cut_video(clip, folder, parse_every(every))
    ask = f"blipkit run PROFILE --set common.frames_from={folder}"
    typer.echo(f"{len(written)} frames in {folder}; ask about them with: {ask}")


@app.command()
def doctor(
    lowering: Annotated[
        str, typer.Option(metavar="PROFILE", help="lower its components as for Neuron, on a CPU")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print it as JSON, for scripts")] = False,
) -> None:
    """Say what this machine is, whether it is right for Neuron, and which arms it can run.

    Or whether a profile's components lower for Neuron. JSON has `ready`: nothing that Neuron needs
    is missing.
    """
    if lowering:
        from blipkit.profiles.profile import load_profile

        loaded = load_profile(lowering)

        from blipkit.run.doctor import show_lowering

        raise typer.Exit(show_lowering(loaded, console))

    from blipkit.run.doctor import examine

    examined = examine()
    if as_json:
        console.print_json(data=examined.as_json())
    else:
        examined.show(console)


def entry() -> None:
    """Errors become one message and the exit status that they say."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows ? instead
    try:
        with ScratchFolder() as folder:
            os.environ.update(instead_of_home(folder))
            find_own_programs()
            app()
    except BlipkitError as error:
        typer.echo(f"blipkit: {error}", err=True)
        raise SystemExit(error.exit_status) from None
    except OSError as error:
        typer.echo(f"blipkit: {system_problem(error)}", err=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        typer.echo("blipkit: interrupted", err=True)
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    entry()
