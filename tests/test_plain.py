"""The package is plain to read: no long line, function or file, and little that has to be unfolded in the head."""

import ast
from pathlib import Path

import pytest
from size import code_size, is_untyped_row, returns

import blipkit

PACKAGE = Path(blipkit.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
COLUMNS, LINES, FUNCTION, PARAMETERS = 100, 300, 40, 6
UNTYPED = 0.02  # of the return annotations
TOKENS, MERGES, CONDITIONALS = 9.0, 6, 15  # a code line; in 1,000 code lines


def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def parameters(function: ast.FunctionDef) -> int:
    """How many a caller passes: self and cls are not among them."""
    own = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([one for one in own if one.arg not in ("self", "cls")])


def is_command(function: ast.FunctionDef) -> bool:
    """Whether typer makes a command of it: its parameters are the command's options."""
    return any("command" in ast.unparse(one) for one in function.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_read_without_scrolling_sideways_or_for_long(path):
    """At most 300 lines of at most 100 columns, functions of at most 40 lines and 6 parameters."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LINES
    assert [number for number, line in enumerate(lines, 1) if len(line) > COLUMNS] == []
    functions = [node for node in nodes_of(path) if isinstance(node, ast.FunctionDef)]
    own = [one for one in functions if not is_command(one)]
    assert [one.name for one in own if one.end_lineno - one.lineno >= FUNCTION] == []
    assert [one.name for one in own if parameters(one) > PARAMETERS] == []


def test_little_has_to_be_unfolded_in_the_head():
    """Tokens a code line; merges of dicts and conditional expressions in 1,000 code lines of the package."""
    sizes = [code_size(path.read_text(encoding="utf-8")) for path in FILES]
    lines, tokens = (sum(column) for column in zip(*sizes, strict=True))
    nodes = [node for path in FILES for node in nodes_of(path)]
    merges = sum(key is None for node in nodes if isinstance(node, ast.Dict) for key in node.keys)
    merges += sum(isinstance(n, ast.AugAssign) and isinstance(n.op, ast.BitOr) for n in nodes)
    conditionals = sum(isinstance(node, ast.IfExp) for node in nodes)
    assert tokens / lines <= TOKENS
    assert 1000 * merges / lines <= MERGES
    assert 1000 * conditionals / lines <= CONDITIONALS


def test_rows_have_types():
    """Few functions return a dict that is a row: its keys, types and units are a dataclass's to say."""
    untyped, annotated = returns()
    assert len(untyped) <= UNTYPED * annotated, untyped


@pytest.mark.parametrize(
    ("annotation", "is_one"),
    [
        ("dict", True),
        ("dict | None", True),
        ("list[dict]", True),
        ("Sequence[dict]", True),
        ("list[dict[str, Any]]", True),
        ("tuple[dict, str]", True),
        ("'list[dict]'", True),
        ("dict[str, Any]", False),
        ("dict[str, dict]", False),
        ("dict[str, list[float]]", False),
        ("list[Row]", False),
        ("tuple[dict[str, int], str]", False),
        ("None", False),
    ],
)
def test_a_row_is_told_from_a_mapping(annotation, is_one):
    """A dict with types of key and value maps names to values; one without, or many, are rows."""
    assert is_untyped_row(ast.parse(annotation, mode="eval").body) is is_one


def test_gates_are_made_where_their_status_is_decided():
    """Elsewhere nobody calls Gate."""
    makers = [PACKAGE / "records/gates.py"]
    for path in FILES:
        calls = [node for node in nodes_of(path) if isinstance(node, ast.Call)]
        made = [c.lineno for c in calls if ast.unparse(c.func).rpartition(".")[2] == "Gate"]
        assert path in makers or not made, f"{path.relative_to(PACKAGE)}, lines {made}"


def test_no_rule_is_silenced():
    """Nothing is excused from the formatter, or from the rules on length and complexity."""
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert "fmt: skip" not in text and "fmt: off" not in text, path
        assert "E501" not in text and "C901" not in text, path
