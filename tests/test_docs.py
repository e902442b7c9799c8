"""The documents under docs/: facts carry their source and a mark, links lead somewhere, sums add up."""

import re
from pathlib import Path

import pytest

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
