"""Results folders, of this kit and of older ones, as a colleague hands them over."""

import contextlib
import dataclasses
import hashlib
import importlib
import io
import json
import os
import shutil
import typing
from pathlib import Path
from unittest import mock

import mutators
import nbformat
from campaign import Target
from pydantic import TypeAdapter
from sandbox import Case, leaked

from blipkit.paths import PUBLISHED
from blipkit.profiles.profile import load_profile
from blipkit.records.results import Results
from blipkit.records.typed import missing_keys, read_typed
from blipkit.statistics import Interval

# what reading a listing raises that was spoilt before
UNREADABLE = (ValueError, OSError, AttributeError, TypeError, LookupError, RecursionError)

LINES = 5  # of a kind of records: a row is as good as a hundred
FOLDERS = (
    "amd-epyc-2-cores/tiny",
    "amd-epyc-2-cores/cpu",
    "nvidia-h100-80gb-hbm3-81559-mib-580-159-04/gpu-tiny",
)
# kind of record -> what reads it
ROWS = {
    "components": "model.whole:AdapterDifference",
    "padding": "model.whole:Padding",
    "image_encoder_time": "model.timing:EncoderTime",
    "environment": "records.environment:Speed",
    "runs": "load.runs:RunRow",
    "admission_runs": "load.runs:RunRow",
    "concurrency": "load.rows:GridRecord",
    "cost": "report.numbers:RecordedCost",
    "baselines": "report.numbers:Baseline",
    "points": "report.numbers:Point",
    "fleet": "report.numbers:FleetRow",
    "savings": "report.numbers:SavingRow",
    "payback": "report.numbers:PaybackRow",
    "decisions": "report.numbers:Flips",
    "parity": "parity.numbers:Call",
    "parity_scores": "parity.numbers:Call",
    "parity_forecast": "parity.effort:Prediction",
    "parity_time": "parity.effort:Outcome",
    "parity_noise": "parity.excused:ExcusedMargin",
    "artifacts": "runners.compiled:CompiledComponent",
    "compile_forecast": "runners.compiled:Forecast",
    "plugged_in": "runners.plugged:PluggedAnswer",
    "casts": "runners.neuron.one_frame:CastError",
    "lowering": "runners.neuron.lowered:Lowering",
    "gates_03_parity": "records.gates:Gate",
}


def results_seeds(place: Path) -> None:
    """Folders that are published, a few lines of each kind of record, with a chapter and samples."""
    for name in FOLDERS:
        folder = place / name.rpartition("/")[2] / "results"
        left_out = shutil.ignore_patterns("samples", ".outputs.json")  # which lists whole records
        shutil.copytree(PUBLISHED / name, folder, ignore=left_out)
        for path in folder.glob("records/*.jsonl"):
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(lines[:LINES]))
        nbformat.write(_chapter(), folder / "03_parity.ipynb")
        _write_samples(PUBLISHED / name, folder)
    recorded = place / "tiny/results"
    chapters = sorted(
        {rows_of(path)[0]["notebook"] for path in recorded.glob("records/*.jsonl") if rows_of(path)}
    )
    _run(recorded, place / "run" / "results", chapters, force=False)


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _run(recorded: Path, folder: Path, stems: list[str], force: bool) -> None:
    """A run whose chapters leave what is recorded in another folder, and measure nothing."""
    from blipkit.run import notebooks, preflight

    def execute(stem: str, stage: Path, *ignored) -> None:
        nbformat.write(_chapter(), stage / f"{stem}.ipynb")
        for path in recorded.glob("records/*.jsonl"):
            rows = rows_of(path)
            if rows and rows[0]["notebook"] == stem:
                (stage / "records").mkdir(exist_ok=True)
                shutil.copy(path, stage / "records")

    def check(profile, into: Path, *ignored) -> None:
        preflight.check_folder(into)

    with (
        mock.patch.object(notebooks, "execute", execute),
        mock.patch.object(preflight, "check_apart", check),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        notebooks.run_profile(load_profile("tiny"), folder, stems, force, None)


def _chapter():
    """An executed chapter with text, a table, a picture and a stream."""
    new = nbformat.v4
    shown = {"text/html": "<table><tr><td>+ PASS</td></tr></table>", "text/plain": "PASS"}
    outputs = [
        new.new_output("display_data", shown),
        new.new_output("stream", name="stdout", text="read\n"),
        new.new_output("display_data", {"image/svg+xml": "<svg></svg>"}),
    ]
    cells = [
        new.new_markdown_cell(
            "# 03 Do the answers agree?\n\nA sentence. [next](04_concurrency.ipynb)"
        ),
        new.new_code_cell("frames = 3", outputs=outputs, execution_count=1),
    ]
    return new.new_notebook(cells=cells)


def _write_samples(published: Path, folder: Path) -> None:
    """A few rows of the samples that were published."""
    import pandas

    for path in sorted(published.glob("samples/*.parquet")):
        (folder / "samples").mkdir(exist_ok=True)
        pandas.read_parquet(path).head(50).to_parquet(folder / "samples" / path.name, index=False)


def spoil_results(case: Case) -> None:
    """One to three files changed, each by what it is, or something else in the place of a file or folder."""
    folder = case.folder / "results"
    for _ in range(case.rng.choice([1, 1, 2, 3])):
        case.did.append(_spoil_one(case, folder))
    if case.rng.random() < 0.6:
        _list_again(folder)


def _list_again(folder: Path) -> None:
    """Put the listing's digests right, so that what reads the files is reached."""
    path = folder / ".outputs.json"
    with contextlib.suppress(*UNREADABLE):
        listing = json.loads(path.read_bytes()[: 1 << 20])
        for outputs in listing.values():
            for output in outputs:
                if not _is_small(folder / output["name"]):
                    continue
                content = (folder / output["name"]).read_bytes()
                output["sha256"] = hashlib.sha256(content).hexdigest()
                output["bytes"] = len(content)
                if output.get("records") is not None:
                    output["records"] = len(content.splitlines())
        path.write_text(json.dumps(listing))


def _is_small(path: Path) -> bool:
    """Whether a file can be read here: one that fills a disk is for the reader to refuse."""
    return path.is_file() and path.stat().st_size < 1 << 26


def _spoil_one(case: Case, folder: Path) -> str:
    rng = case.rng
    files = sorted(path for path in folder.rglob("*") if _is_small(path) and not path.is_symlink())
    if not files:
        return "nothing left"
    heads = [path for path in files if path.parent == folder]
    gates = [path for path in files if path.name.startswith("gates_")]
    path = rng.choice(rng.choice([heads, heads, gates or files, files]) or files)
    if rng.random() < 0.2:
        named = [
            "records",
            "samples",
            "report",
            "report/index.html",
            "verdict.json",
            "verdict.md",
            "gates.xml",
        ]
        extra = [
            folder / name
            for name in [
                *named,
                "previous",
                ".stage",
                ".lock",
                ".moves.json",
                ".notes",
                "run.pid",
                "artifacts",
                "records/gates_x.jsonl",
            ]
        ]
        place = rng.choice([path, path, *extra])
        place.parent.mkdir(exist_ok=True)
        return mutators.replace_file(rng, place, case.world)
    text = path.read_bytes().decode(errors="replace")
    spoil = SPOILERS.get(path.suffix)
    try:
        if path.name == "environment.json" and rng.random() < 0.4:
            return _rename_machine(rng, path)
        if path.name == ".outputs.json" and rng.random() < 0.5:
            return _list_others(rng, path)
        data, said = spoil(rng, text) if spoil else mutators.spoil_bytes(rng, path.read_bytes())
    except (ValueError, TypeError, AttributeError, RecursionError):  # it was spoilt before
        data, said = mutators.spoil_bytes(rng, path.read_bytes())
    path.write_bytes(data)
    return f"{path.name}: {said}"


SPOILERS = {
    ".json": mutators.spoil_json,
    ".ipynb": mutators.spoil_json,
    ".jsonl": mutators.spoil_json_lines,
    ".yaml": mutators.spoil_yaml,
}


def _list_others(rng, path: Path) -> str:
    """A listing that says a chapter left what is not in the folder, or not a chapter's."""
    names = [
        "../mine.txt",
        "../../outside/keep.txt",
        "/etc/hostname",
        "notes.txt",
        ".lock",
        "run.json",
        "records",
    ]
    name = rng.choice(
        [*names, "", ".", "..", "records/../../mine.txt", "a\0b", "x" * 300, "report/index.html"]
    )
    with contextlib.suppress(*UNREADABLE):
        listing = json.loads(path.read_text())
        for outputs in listing.values():
            outputs.append(rng.choice([name, {"name": name}]))
        path.write_text(json.dumps(listing))
    return f"the listing names {name[:30]!r}"


def _rename_machine(rng, path: Path) -> str:
    document = json.loads(path.read_text())
    document["name"] = rng.choice(
        [*mutators.WORDS, "..", "...", "日本", "!!!", ".", "/", "A machine, 2 cores"]
    )
    path.write_text(json.dumps(document))
    return f"the machine is {document['name'][:30]!r}"


def report(case: Case) -> None:
    """Verdict and report written again, alone or beside another folder."""
    from blipkit.report.page import write_report

    beside = []
    if case.number % 4 == 3:
        beside = [PUBLISHED / FOLDERS[2]]
    with _published_here(case):
        write_report(Path("results"), beside)
    assert not leaked(case.folder / "results" / "report"), leaked(
        case.folder / "results" / "report"
    )


def compare(case: Case) -> None:
    """The folder compared with one that is whole, either way round, and the table of it."""
    from rich.console import Console

    from blipkit.report.compare import compare_folders, differences_table, table
    from blipkit.report.differences import find_differences

    pair = [Path("results"), PUBLISHED / FOLDERS[0]]
    if case.number % 2:
        pair.reverse()
    with open(os.devnull, "w") as nowhere, _published_here(case):
        console = Console(file=nowhere)
        changes = compare_folders(*pair, baseline=case.number % 3 == 0)
        console.print(differences_table(find_differences(pair)))
        console.print(table(changes))


def replay(case: Case) -> None:
    """What a replay reads before its chapters, and each kind of record as its chapter does; types are as rows say."""
    from blipkit.run.preflight import check_replay
    from blipkit.study import replayed

    folder = Path("results")
    check_replay(case.folder / "new", folder)
    replayed(load_profile("tiny"), folder)
    results = Results(folder)
    results.gates()
    for kind, place in ROWS.items():
        module, _, name = place.partition(":")
        row = getattr(importlib.import_module(f"blipkit.{module}"), name)
        needed = missing_keys(row, {})
        if all(key in one for one in results.rows(kind) for key in needed):  # else it is NOT-RUN
            for one in read_typed(results, kind, row):
                _check_types(one)
    if results.has_samples("decisions"):
        results.read_samples("decisions")
    if results.has_samples("machine"):
        results.read_samples("machine")
    recorded = Results(case.folder / "new", "03_parity", "tiny", str(case.folder / "results"))
    assert isinstance(recorded.machine.name, str)


def _check_types(row) -> None:
    """What is accepted is what its class says: who uses it asks no more."""
    hints = typing.get_type_hints(type(row))
    for one in dataclasses.fields(row):
        value, hint = getattr(row, one.name), hints[one.name]
        if dataclasses.is_dataclass(value):
            _check_types(value)
        elif hint is not Interval and not dataclasses.is_dataclass(hint):
            try:
                TypeAdapter(hint).validate_python(value, strict=True)
            except ValueError:
                name = f"{type(row).__name__}.{one.name}"
                raise AssertionError(f"{name}, a {hint}, was read as {str(value)[:40]!r}") from None


def publish(case: Case) -> None:
    """The folder published where others are already, from its place or from among those that are published."""
    from blipkit.run.publish import publish_folder

    kept = case.folder / "published/another-machine/tiny"
    kept.mkdir(parents=True)
    (kept / "keep.txt").write_text("keep")
    source = Path("results")
    way = 0 if case.is_whole else case.number % 5
    if way == 3:
        source = case.folder / "published" / FOLDERS[0]
    elif way == 4:
        source = case.folder / "published/a-machine-2-cores/tiny/inner"
    if way > 2:
        source.parent.mkdir(parents=True, exist_ok=True)
        Path("results").rename(source)
    before = _content(source)
    with _published_here(case):
        try:
            publish_folder(source)
        finally:
            assert (kept / "keep.txt").is_file(), "another machine's folder was removed"
            assert _content(source) == before, "what is published was changed"
    found = [one for one in leaked(case.folder / "published") if way < 3]
    assert not found, found
    parts = [path.name for path in (case.folder / "published").rglob("*") if "part" in path.suffix]
    assert not parts, f"left behind: {parts}"


def _content(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()}


def _published_here(case: Case):
    """Published folders are the case's own."""
    stack = contextlib.ExitStack()
    for module in ("blipkit.run.publish", "blipkit.records.results", "blipkit.records.documents"):
        stack.enter_context(mock.patch(f"{module}.PUBLISHED", case.folder / "published"))
    return stack


def rerun(case: Case) -> None:
    """A run into the folder, of a chapter or two: it replaces what a run left, and nothing of anybody else's."""
    folder = Path("results")
    stems = ["03_parity", "05_cost"][: 1 + case.number % 2]
    mine = [folder / "notes.txt", folder / "artifacts/of-mine/x.txt", case.folder / "mine.txt"]
    if (folder / "artifacts").is_symlink() or folder.is_symlink():
        mine = mine[2:]
    with contextlib.suppress(OSError):  # where a file stands in a folder's place
        for path in mine:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("mine")
    there = [path for path in mine if path.is_file()]
    published = PUBLISHED / FOLDERS[0]
    with _published_here(case):
        _run(published, folder, stems, force=case.number % 3 == 0)
    lost = [str(path) for path in there if not path.is_file()]
    assert not lost, f"removed what no run has left: {lost}"
    found = leaked(folder / "report") + leaked(folder / "records")
    assert not found, found


WARM = ("blipkit.report.compare", "blipkit.run.preflight", "blipkit.study", "pyarrow.parquet")
ROW_MODULES = tuple(sorted({f"blipkit.{place.partition(':')[0]}" for place in ROWS.values()}))
TARGETS = [
    Target("report", 600, 8, results_seeds, spoil_results, report, WARM),
    Target("compare", 700, 8, results_seeds, spoil_results, compare, WARM),
    Target("replay", 1200, 15, results_seeds, spoil_results, replay, (*WARM, *ROW_MODULES)),
    Target("publish", 600, 10, results_seeds, spoil_results, publish, WARM),
    Target(
        "rerun", 400, 6, results_seeds, spoil_results, rerun, ("blipkit.run.notebooks", "papermill")
    ),
]
