"""What the command line takes: a profile, folders and files, each read before its command begins.

A path with `~` is expanded; what can be none is refused with the option that names it.
"""

import math
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

import blipkit
from blipkit.errors import INTERRUPTED, BadInput, shown
from blipkit.paths import user_file, user_folder, user_path

if TYPE_CHECKING:
    from blipkit.profiles.profile import Profile


class Commands(TyperGroup):
    """The commands; Ctrl-C in any of them is one sentence, and so is all that one lacks."""

    def invoke(self, ctx: typer.Context):
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            name_all_missing(error)
            raise
        except KeyboardInterrupt:
            typer.echo("blipkit: interrupted; what was finished before is kept", err=True)
            raise typer.Exit(INTERRUPTED) from None


def name_all_missing(error: typer.BadParameter) -> None:
    """Let the refusal of a command without an option that it needs name all such options."""
    is_missing = hasattr(error, "param_type")  # Typer has no public name for that error
    if not is_missing or error.param.param_type_name != "option":
        return
    given = error.ctx.params  # whatever was given is read before the first that is missing
    asked = [one for one in error.ctx.command.params if one.required and one.name not in given]
    error.param_hint = " and ".join(f"'{one.opts[0]}'" for one in asked)


def print_version(is_asked: bool) -> None:
    """The kit's version alone, where it is asked for."""
    if is_asked:
        typer.echo(f"blipkit {blipkit.__version__}")
        raise typer.Exit


VERSION = Annotated[
    bool, typer.Option("--version", callback=print_version, is_eager=True, help="say it, and end")
]


def say_version(version: VERSION = False) -> None:
    """What may stand before any command."""


def folder_for(what: str) -> Callable[[str], Path]:
    """What reads a folder from the command line; what: its option or argument."""

    def folder(text: str) -> Path:
        return user_folder(text, what)

    return folder


def file_for(what: str) -> Callable[[str], Path]:
    """What reads a file from the command line; what: its option or argument."""

    def file(text: str) -> Path:
        return user_file(text, what)

    return file


def profile_name(text: str) -> str:
    """A profile's name, or the path to one, `~` expanded."""
    if "/" in text or text.startswith("~") or not text.strip():
        return str(user_path(text, "PROFILE"))
    return text


def check_settings(settings: Sequence[str]) -> None:
    """Refuse two values of one knob, of which the first would be lost."""
    seen: dict[str, str] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        key, value = key.strip(), value.strip()
        if seen.setdefault(key, value) != value:
            problem = f"--set gives {key} twice, as {seen[key]} and as {value}"
            raise BadInput(f"{problem}; expected one value: leave one of them out")


def named_values(what: str, texts: Sequence[str]) -> dict[str, str]:
    """Name -> value of `name=value` texts, each of a backend; BadInput by `not_named` for another
    text, or a name twice. what: such a text's name in the message.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or name in found:
            raise not_named(what, text)
        found[name] = value
    return found


def not_named(what: str, text: str) -> BadInput:
    """What to raise for a text that gives no backend its value."""
    return BadInput(f"{what} {shown(text)}; expected each backend once, such as gpu=90 inf2=10")


def command_again(
    profile: "Profile", results: Path | None, replay: Path | None, only: Iterable[str] = ()
) -> str:
    """The command line of a run of these chapters, as a shell takes it."""
    words = ["blipkit", "run", profile.source or profile.name]
    for stem in only:
        words += ["--only", stem]
    for setting in dict.fromkeys(profile.settings):
        section, name = setting.split(".", 1)
        words += ["--set", f"{setting}={as_yaml(profile.sections[section][name])}"]
    if results:
        words += ["--results", str(results)]
    if replay:
        words += ["--replay", str(replay)]
    return shlex.join(words)


def as_yaml(value) -> str:
    """A knob's value on one line, as --set takes it."""
    import yaml

    class OneLine(yaml.SafeDumper):
        """Writes a line break in a text as an escape, so that it stays on one line."""

    def quoted(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        style = None if text.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    OneLine.add_representer(str, quoted)
    plain = str(value).isprintable()  # else each letter that is not is written as its number
    written = {"default_flow_style": True, "allow_unicode": plain, "width": math.inf}
    text = yaml.dump(value, Dumper=OneLine, **written)
    return text.removesuffix("...\n").removesuffix("\n")


def folder_argument(what: str, help: str = "a results folder"):
    """An argument that is a folder; what: its name in messages and in --help."""
    return typer.Argument(help=help, metavar=what, parser=folder_for(what))


PROFILE = Annotated[
    str,
    typer.Argument(
        help="a profile's name in params/, or a path to one", parser=profile_name, metavar="PROFILE"
    ),
]
SETTINGS = Annotated[
    list[str], typer.Option("--set", help="section.key=value, value in YAML; repeatable")
]
ONLY = Annotated[list[str], typer.Option(help="a notebook, such as 03_parity; repeatable")]
RESULTS = Annotated[
    Path | None,
    typer.Option(help="results folder; default results/<profile>", parser=folder_for("--results")),
]
REPLAY = Annotated[
    Path | None,
    typer.Option(
        help="results recorded elsewhere: show them, do not measure", parser=folder_for("--replay")
    ),
]
GOLDEN = Annotated[
    Path | None,
    typer.Option(
        help="folder for the golden outputs; default results/<profile>-bundle",
        parser=folder_for("--to"),
    ),
]
CLIP = Annotated[Path, typer.Argument(help="a video file", metavar="CLIP", parser=file_for("CLIP"))]
COMPILED = Annotated[
    Path, typer.Argument(help="a compiled component", metavar="FILE", parser=file_for("FILE"))
]
