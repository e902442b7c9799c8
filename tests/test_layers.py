"""The package's layers, and what importing it does not bring along."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import blipkit

PACKAGE = Path(blipkit.__file__).parent
# A module imports from rows below its own, or from names to its left in its row.
LAYERS = [
    ["preflight", "run", "__main__"],
    ["verdict", "compare", "report", "publish"],
    ["parity", "decisions", "bundles", "serving", "load", "rows", "knee", "cost", "systems", "decision"],
    ["pipeline", "wrappers"],
    ["artifacts", "runners", "workers", "recordings", "lowering"],
    ["video", "images", "frames", "builtin", "checkpoints", "components"],
    ["buckets"],
    [
        "params",
        "machine",
        "arms",
        "records",
        "proof",
        "support",
        "doctor",
        "prices",
        "price_list",
        "statistics",
        "figures",
        "explore",
        "scenes",
        "child",
        "questions",
        "steady",
        "clients",
        "dispatch",
        "server",
        "monitor",
    ],
    ["errors", "neuron_errors"],
]


def module_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Names of blipkit's modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "blipkit":
            parts = node.module.split(".")
            names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("blipkit.")}
    return names


def allowed(importer: str, target: str) -> bool:
    place = {name: (row, column) for row, names in enumerate(LAYERS) for column, name in enumerate(names)}
    (row, column), (other_row, other_column) = place[importer], place[target]
    return other_row > row or (other_row == row and other_column < column)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_lies_below_it(path):
    """Data goes one way: no module reaches up."""
    module = module_of(path)
    if module == "__init__":
        return
    up = [name for name in imported(path) - {module} if not allowed(module, name)]
    assert not up, f"{module} imports {up}"


def test_the_layer_check_can_fail():
    """A module that reached up would be caught."""
    assert not allowed("pipeline", "run") and not allowed("artifacts", "runners") and allowed("runners", "artifacts")


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_blipkit_brings_no_heavy_module():
    """`import blipkit` loads neither torch nor the Neuron packages, and the command line loads no torch for --help."""
    assert not {"torch", "transformers", "torch_neuronx", "torch_xla"} & modules_after("import blipkit")
    assert not {"torch", "transformers", "pandas", "papermill"} & modules_after("import blipkit.cli")


def test_the_import_check_can_fail():
    """The check sees a module that is loaded."""
    assert "torch" in modules_after("from blipkit import isolate")


def test_every_module_has_its_tests():
    """Tests mirror the package: a file of tests for each module."""
    covered = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    indirect = {"__init__", "__main__", "errors"}
    modules = {path.stem for path in PACKAGE.rglob("*.py") if path.parent.name != "runners"}  # test_runners has each
    assert modules - covered - indirect == set()
