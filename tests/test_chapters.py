"""The chapters' shape: short cells, one set-up cell, knobs as the package declares them, gates at the end."""

import ast
from dataclasses import fields

import nbformat
import pytest

from blipkit.paths import NOTEBOOKS
from blipkit.profiles.knobs import default_of, types_of
from blipkit.profiles.sections import chapters, section_class, section_of
from blipkit.study import RUN_OWN

CELLS, LINES, KNOB_LINES, FUNCTIONS = 16, 12, 22, 2
COLUMNS = 110  # a parameters cell may be wider: one knob a line, with its meaning


def cells_of(stem: str) -> list:
    return nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4).cells


def code_of(stem: str) -> list[str]:
    """The sources of a chapter's code cells, but the parameters."""
    return [
        c.source
        for c in cells_of(stem)
        if c.cell_type == "code" and "parameters" not in c.metadata.get("tags", [])
    ]


def parameters_of(stem: str) -> str:
    (found,) = [c.source for c in cells_of(stem) if "parameters" in c.metadata.get("tags", [])]
    return found


@pytest.mark.parametrize("stem", chapters())
def test_a_chapter_is_short(stem):
    """At most 16 code cells of at most 12 lines, a parameters cell of at most 22, two functions and no class."""
    code = code_of(stem)
    assert len(code) + 1 <= CELLS and len(parameters_of(stem).splitlines()) <= KNOB_LINES
    assert {
        place: len(source.splitlines())
        for place, source in enumerate(code)
        if len(source.splitlines()) > LINES
    } == {}
    assert [line for source in code for line in source.splitlines() if len(line) > COLUMNS] == []
    nodes = [node for source in code for node in ast.walk(ast.parse(source))]
    assert sum(isinstance(node, ast.FunctionDef) for node in nodes) <= FUNCTIONS
    assert not any(isinstance(node, ast.ClassDef | ast.Lambda) for node in nodes)


@pytest.mark.parametrize("stem", chapters())
def test_imports_stand_in_one_set_up_cell_that_opens_the_study(stem):
    """The cell after the parameters has every import, and `open_study`."""
    first, *rest = code_of(stem)
    assert f'open_study("{stem}", globals())' in first
    nodes = [node for source in rest for node in ast.walk(ast.parse(source))]
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes)


@pytest.mark.parametrize("stem", chapters())
def test_a_sentence_stands_before_every_cell(stem):
    """Text before each code cell; the first cell asks the chapter's question, the last says what it does not show."""
    cells = cells_of(stem)
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith(f"# {stem[:2]} ")
    assert cells[-1].cell_type == "markdown" and "What this does not show" in cells[-1].source
    bare = [
        cell.source[:60]
        for before, cell in zip(cells, cells[1:], strict=False)
        if cell.cell_type == "code" == before.cell_type
    ]
    assert bare == []


@pytest.mark.parametrize("stem", chapters())
def test_the_gates_are_concluded_in_the_last_cell(stem):
    """`study.conclude(...)` shows and records the gates before it raises; nothing is run after it."""
    assert "study.conclude(" in code_of(stem)[-1].splitlines()[-1]


@pytest.mark.parametrize("stem", chapters())
def test_a_parameters_cell_has_the_knobs_of_its_section(stem):
    """Names, types and defaults are those that the package declares, each with its meaning; no common knob among them."""
    cls, lines = section_class(section_of(stem)), parameters_of(stem).splitlines()
    body = ast.parse("\n".join(lines)).body
    given = {node.target.id: ast.literal_eval(node.value) for node in body}
    assert list(given) == [*RUN_OWN, *(one.name for one in fields(cls))]
    assert {one.name: default_of(one) for one in fields(cls)} == {
        n: v for n, v in given.items() if n not in RUN_OWN
    }
    namespace = {}
    exec("\n".join(lines), namespace)
    assert {n: t for n, t in namespace["__annotations__"].items() if n not in RUN_OWN} == types_of(
        cls
    )
    assert all(lines[node.end_lineno - 1].partition("  # ")[2].strip() for node in body)
