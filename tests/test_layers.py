"""The package's order: a folder imports only from those that stand before it, and what importing it does not bring along."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import blipkit

PACKAGE = Path(blipkit.__file__).parent
TESTS = Path(__file__).parent
# What is shared stands first. A folder, or a file beside the folders, imports only from those before it.
ORDER = (
    *("errors", "paths", "renamed", "statistics"),
    *("reading", "profiles", "machine", "records", "display", "frames", "model"),
    "study",
    *("runners", "parity", "serving", "load", "arrivals", "cost", "service", "capacity"),
    *("report", "run"),
    *("cli", "__main__"),
)
FOLDERS, FILES = 17, 9  # at most, in the package: a newcomer sees in one look what there is


def room_of(path: Path) -> str:
    """The folder, or the file beside the folders, that a module belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Folders and files of blipkit that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] == "blipkit"
        ):
            parts = node.module.split(".")
            names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("blipkit.")
            }
    return names


def allowed(importer: str, target: str) -> bool:
    return ORDER.index(target) <= ORDER.index(importer)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_a_module_imports_only_from_what_stands_before_it(path):
    """Arrows go one way: no folder reaches up."""
    room = room_of(path)
    if room == "__init__":
        return
    up = [name for name in imported(path) if not allowed(room, name)]
    assert not up, f"{path.relative_to(PACKAGE)} imports {up}"


def test_the_order_can_be_broken():
    """A folder that reached up would be caught."""
    assert (
        not allowed("model", "run")
        and not allowed("runners", "parity")
        and allowed("parity", "runners")
    )


def test_one_look_shows_what_there_is():
    """At most 17 folders and 8 files; every folder has a contents page, which says in words what it holds."""
    inside = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    folders = [path for path in inside if path.is_dir()]
    assert len(folders) <= FOLDERS and len(inside) - len(folders) <= FILES
    assert {path.name for path in folders} <= set(ORDER)
    for folder in folders:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder.name


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_importing_blipkit_brings_no_heavy_module():
    """`import blipkit` loads neither torch nor the Neuron packages, and the command line loads no torch for --help."""
    assert not {"torch", "transformers", "torch_neuronx", "torch_xla"} & modules_after(
        "import blipkit"
    )
    assert not {"torch", "transformers", "pandas", "papermill"} & modules_after(
        "import blipkit.cli"
    )


def test_reading_a_profile_or_an_arm_brings_no_heavy_module():
    """Every section's knobs, and what each runner says about itself, are read without torch."""
    reading = "from blipkit.profiles import load_profile; load_profile('tiny').resolved()"
    assert not {"torch", "transformers", "scipy", "pandas"} & modules_after(reading)
    assert not {"torch", "transformers"} & modules_after(
        "from blipkit.runners.arms import all_arms; all_arms()"
    )


def test_the_import_check_can_fail():
    """The check sees a module that is loaded."""
    assert "torch" in modules_after("from blipkit import isolate")


# Modules without a file of tests of their own, and the file whose tests have them.
TESTED_BY = {
    "arrivals/queueing.py": "arrivals/test_erlang.py",
    "capacity/compiled.py": "capacity/test_numba.py",
    "capacity/engine.py": "capacity/test_fleet_engine.py",
    "capacity/candidates.py": "capacity/test_chapter_10.py",
    "capacity/comparison.py": "capacity/test_chapter_10.py",
    "capacity/fleet.py": "capacity/test_fleet_engine.py",
    "capacity/gates.py": "capacity/test_calibration.py",
    "capacity/money.py": "capacity/test_chapter_10.py",
    "capacity/opened.py": "capacity/test_chapter_10.py",
    "capacity/planned.py": "capacity/test_chapter_10.py",
    "capacity/rows.py": "capacity/test_chapter_10.py",
    "capacity/search.py": "capacity/test_fleet_search.py",
    "capacity/sensitivity.py": "capacity/test_chapter_10.py",
    "capacity/shapes.py": "capacity/test_demand.py",
    "capacity/stations.py": "capacity/test_fleet_engine.py",
    "arrivals/clients.py": "arrivals/test_arrival_clients.py",
    "arrivals/find.py": "arrivals/test_chapter_08.py",
    "arrivals/gates.py": "arrivals/test_arrival_gates.py",
    "arrivals/plan.py": "arrivals/test_chapter_08.py",
    "arrivals/rates.py": "arrivals/test_chapter_08.py",
    "arrivals/result.py": "arrivals/test_chapter_08.py",
    "arrivals/rows.py": "arrivals/test_chapter_08.py",
    "frames/canvas.py": "frames/test_scenes.py",
    "frames/dog.py": "frames/test_scenes.py",
    "cost/cost_interval.py": "cost/test_throughput.py",
    "cost/fleets.py": "cost/test_decision.py",
    "cost/offers.py": "cost/test_decision.py",
    "cost/points.py": "cost/test_pricing.py",
    "cost/provenance.py": "cost/test_chapter_05.py",
    "cost/rows.py": "cost/test_systems.py",
    "cost/expected.py": "cost/test_forecast.py",
    "cost/missing.py": "cost/test_decision.py",
    "load/conditions.py": "load/test_chapter_04.py",
    "load/host.py": "load/test_measure.py",
    "load/gates.py": "load/test_load_gates.py",
    "load/grid.py": "load/test_chapter_04.py",
    "load/operating_point.py": "load/test_chapter_04.py",
    "parity/quartets.py": "parity/test_exact.py",
    "load/requests.py": "load/test_load_requests.py",
    "machine/malloc.py": "machine/test_fork_server.py",
    "load/rows.py": "load/test_derived.py",
    "load/runs.py": "load/test_chapter_04.py",
    "load/setting_requests.py": "load/test_summary.py",
    "parity/arm_pairs.py": "parity/test_chapter_03.py",
    "parity/effort.py": "parity/test_chapter_03.py",
    "parity/flips.py": "parity/test_chapter_03.py",
    "parity/golden_checks.py": "parity/test_golden.py",
    "parity/golden_capture.py": "parity/test_golden.py",
    "parity/labels.py": "parity/test_chapter_03.py",
    "parity/lacking.py": "parity/test_chapter_03.py",
    "parity/numbers.py": "parity/test_faults.py",
    "parity/panel.py": "parity/test_faults.py",
    "profiles/sections.py": "profiles/test_profile.py",
    "reading/plain.py": "reading/test_json_text.py",
    "records/documents.py": "records/test_readers.py",
    "records/field_types.py": "records/test_typed.py",
    "run/doctor.py": "runners/neuron/test_doctor.py",
    "report/numbers.py": "report/test_page.py",
    "report/tables.py": "report/test_page.py",
    "report/tested.py": "report/test_verdict.py",
    "run/progress.py": "run/test_run_progress.py",
    "report/sides.py": "report/test_compare.py",
    "runners/assemble.py": "runners/test_runners.py",
    "service/chapter.py": "service/test_chapter_09.py",
    "service/children.py": "service/test_switches.py",
    "service/hops.py": "service/test_rehearse.py",
    "service/outcome.py": "service/test_chapter_09.py",
    "service/rehearsal.py": "service/test_chapter_09.py",
    "service/rolling.py": "service/test_rehearse.py",
    "service/rows.py": "service/test_chapter_09.py",
    "service/extra.py": "run/test_serve_and_api.py",
    "service/feed.py": "service/test_rehearse.py",
    "service/route_client.py": "run/test_switching.py",
    "run/copies.py": "run/test_serve_and_api.py",
    "service/backends.py": "service/test_api.py",
    "service/mirror.py": "service/test_api.py",
    "service/route.py": "service/test_api.py",
    "service/tiers.py": "service/test_inference.py",
    "run/serving.py": "run/test_serve_and_api.py",
    "run/tier_files.py": "run/test_serve_and_api.py",
    "run/tier_host.py": "run/test_serve_and_api.py",
    "service/json_lines.py": "service/test_ledger.py",
    "service/metric_lines.py": "service/test_metrics.py",
    "service/panels.py": "service/test_dashboard.py",
    "runners/compile.py": "runners/test_runners.py",
    "runners/takes.py": "runners/test_adopted.py",
    "model/outputs.py": "runners/test_adopted.py",
    "runners/neuron/casts.py": "runners/neuron/test_neuron_emulated.py",
    "runners/neuron/hlo.py": "runners/neuron/test_recordings.py",
    "runners/neuron/options.py": "runners/test_arms.py",
    "runners/spec.py": "runners/test_arms.py",
    "runners/tensors.py": "runners/test_runners.py",
}
# shown by the chapters, which all run, and by what refuses bad input: test_chapters, test_preflight
EVERYWHERE = {
    "__init__",
    "__main__",
    "cli",
    "errors",
    "paths",
    "knobs",
    "checks",
    "figures",
    "common",
    "html",
}


def test_tests_mirror_the_folders():
    """A folder of tests for each of the package; each module has its file of tests, or is named with the one that has it."""
    folders = {
        path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert folders <= {path.name for path in TESTS.iterdir() if path.is_dir()}
    paths = [path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")]
    tested = {path.with_name(path.name.removeprefix("test_")) for path in paths}
    modules = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    bare = {str(m) for m in modules - tested if m.stem not in EVERYWHERE and "kinds" not in m.parts}
    assert bare == set(TESTED_BY)
    for module, tests in TESTED_BY.items():
        assert (TESTS / tests).is_file(), module
