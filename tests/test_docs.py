"""The documents: facts carry their source and a mark, links lead somewhere, commands and knobs are there."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from blipkit import cli
from blipkit.paths import PROFILES
from blipkit.profiles.sections import sections

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MARKS = ("documented", "seen in the field", "documented; seen in the field")


def unmarked(text: str) -> list[str]:
    """The rows and bullets of a document that lack a mark, and rows that lack a source."""
    found = []
    lines = text.splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and not line.startswith("|---"):
            is_head = not above.startswith("|")
            last = ("mark",) if is_head else MARKS
            if cells[-1] not in last or not cells[-2]:
                found.append(line)
        elif line.startswith("- ") and not re.match(
            r"- \*(documented|seen in the field)\*: ", line
        ):
            found.append(line)
    return found


def test_every_fact_about_neuron_carries_a_mark():
    """Each row and bullet of docs/neuron.md is documented or seen in the field, and a row has its source."""
    text = (DOCS / "neuron.md").read_text()
    assert unmarked(text) == []
    assert all(f"| {mark} |" in text for mark in MARKS)


@pytest.mark.parametrize(
    "line",
    [
        "| a fact | a page |",
        "| a fact | a page | probably |",
        "|  |  | documented |",
        "- a fact",
        "- *rumoured*: a fact",
    ],
)
def test_a_fact_without_a_mark_is_found(line):
    """A row with another mark, none or no source, and a bullet without one."""
    assert unmarked(f"| fact | source | mark |\n|---|---|---|\n{line}\n") == [line]


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_links_of_the_documents_lead_somewhere(path):
    """Every relative link exists."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


# of the present: CHANGELOG.md has the names of the past, too
PAGES = [
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "Dockerfile"),
    *(f"docs/{path.name}" for path in sorted(DOCS.glob("*.md"))),
    *(f"params/{path.name}" for path in sorted(PROFILES.glob("*.yaml"))),
]
# section.name as it is set, or alone; not a file's name, nor a module's
KNOB = re.compile(r"(?<![\w./])([a-z]+)\.(?!(?:md|py|yml|json|rst)\b)([a-z_]+)(?==|$)")
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)


def code_in(text: str) -> str:
    """The lines of code blocks, and what stands between backquotes, each on a line."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.M | re.S)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return "\n".join([*blocks, *spans]).replace("\\\n", " ")


def fault_of_command(words: list[str]) -> str:
    """What is wrong with the words behind `blipkit`, "" where the command line has all of them."""
    command = typer.main.get_command(cli.app)
    while hasattr(command, "commands"):
        name = words[0] if words else ""
        if name not in command.commands:
            return f"no command {name!r}"
        command, words = command.commands[name], words[1:]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for word in words:
        is_option = re.fullmatch(r"--[a-z-]+(=.*)?", word)
        if is_option and word.partition("=")[0] not in known:
            return f"no option {word!r}"
    first = words[0] if words else ""
    profiles = {path.stem for path in PROFILES.glob("*.yaml")}
    takes_profile = any(one.name == "profile" and one.opts == ["profile"] for one in command.params)
    if takes_profile and re.fullmatch(r"[a-z0-9-]+", first) and first not in profiles:
        return f"no profile {first!r}"
    return ""


def is_no_knob(section: str, name: str) -> bool:
    """Whether a section of profiles lacks a knob of this name; of what is no section, nothing is said."""
    if section not in sections():
        return False
    return name not in {one.name for one in fields(sections()[section])}


def faults_in(text: str) -> list[str]:
    """Commands of the kit, targets of make and knobs that a document names and that are not there."""
    faults = []
    for line in code_in(text).splitlines():
        if found := re.search(r"(?:^|[\s/])blipkit ([a-z].*)", line):
            said = re.split(r"[;&|]", found[1].partition(" #")[0])[0]
            faults += filter(None, [fault_of_command(shlex.split(said))])
        faults += [name for name in re.findall(r"\bmake ([a-z-]+)", line) if name not in TARGETS]
        faults += [
            f"{section}.{name}" for section, name in KNOB.findall(line) if is_no_knob(section, name)
        ]
    return faults


@pytest.mark.parametrize("name", PAGES)
def test_what_a_document_tells_to_type_is_there(name):
    """Commands with their options and profiles, targets of make, knobs."""
    text = (ROOT / name).read_text()
    if not name.endswith(".md"):  # commands stand in its comments
        text = "\n".join(
            f"`{line.lstrip('# ')}`" for line in text.splitlines() if "blipkit " in line
        )
    assert faults_in(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```sh\nblipkit runs tiny\n```", "no command 'runs'"),
        ("```\n.venv/bin/blipkit run tiny --onlly 03_parity  # that\n```", "no option '--onlly'"),
        ("so `blipkit capacity plant tiny` does it", "no command 'plant'"),
        ("```sh\nblipkit run tinny \\\n  --force\n```", "no profile 'tinny'"),
        ("`make ruin`", "ruin"),
        ("`service.drain`", "service.drain"),
        ("```sh\nblipkit run tiny --set cost.camera=3\n```", "cost.camera"),
    ],
)
def test_what_is_not_there_is_found(text, fault):
    """A command, an option, a profile, a target or a knob that nobody has."""
    assert faults_in(text) == [fault]
