"""Profiles and knobs. A notebook's `parameters` cell is the only place where a knob is declared: name, type, default,
reason. A profile (params/*.yaml) says what differs; it is checked here, because papermill only logs an unknown
parameter, and YAML reads 1e-3 as text.
"""

import ast
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import TypeAdapter, ValidationError

from blipkit.errors import BadInput, nearest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PROFILES = ROOT / "params"
PUBLISHED = ROOT / "results" / "published"
RUN_OWN = {"results", "profile", "replay"}  # knobs that a run sets itself; no profile may
SHARES = {"flip_limit", "accuracy_floor", "target_saving", "overlap_floor", "repeat_share"}  # 0 or more, less than 1
BUSY = {"utilisation", "incumbent_utilisation"}  # more than 0, and 1 at most
ZERO_IS_FINE = {"seed", "warmup", "think_ms", "batch_wait_ms", "one_off"}  # every other number must be more than zero
EMPTY_IS_FINE = {"required", "only", "beside", "replay", "neuron_stack", "compiler_flags", "incumbent", "one_off"}
EMPTY_IS_FINE |= {"own_prices"}


def is_folder(value: str) -> bool:
    """Whether a knob's text names a folder, where it may also name something else."""
    return "/" in value or bool(value) and Path(value).is_dir()


class Knob(NamedTuple):
    """One line of a parameters cell; its reason is the comment there."""

    type: Any
    default: Any


RUN_KEYS = {  # common keys that no notebook declares, as run and report alone read them
    "required": Knob(list[str], []),  # gates that must have been measured
    "only": Knob(list[str], []),  # the notebooks of this profile, all where it is empty
    "cell_limit_s": Knob(int, 3600),  # seconds that one cell may take
    "share_frames": Knob(bool, False),  # the frames of a folder may be handed on
}


def knobs_in(source: str) -> dict[str, Knob]:
    """The knobs declared in the source of a parameters cell."""
    knobs = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.AnnAssign):
            expected = "expected `name: type = default  # reason`"
            raise BadInput(f"parameters cell, line {node.lineno}: {expected}, saw {ast.unparse(node)!r}")
        annotation = eval(ast.unparse(node.annotation))  # our own notebooks' types
        knobs[node.target.id] = Knob(annotation, ast.literal_eval(node.value))
    return knobs


@cache
def notebooks() -> dict[str, dict[str, Knob]]:
    """Notebook stem, in running order, -> its knobs."""
    import nbformat

    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        cells = [c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
        if len(cells) != 1:
            expected = "expected one, with the notebook's knobs"
            raise BadInput(f"{path.name}: {len(cells)} cells are tagged `parameters`; {expected}")
        section = section_of(path.stem)
        if section in {"common", *map(section_of, found)}:
            raise BadInput(f"{path.name}: the section {section!r} is taken; give the notebook another name")
        found[path.stem] = knobs_in(cells[0].source)
    return found


def section_of(stem: str) -> str:
    """Profile section of a notebook: `parity` for 03_parity."""
    return stem.partition("_")[2]


def check_values(values: dict, types: dict[str, Any], where: str) -> None:
    """Refuse what no knob names, types or ranges allow; `types` maps the name of each knob to its type."""
    for name, value in values.items():
        if name not in types:
            homes = [section for section, knobs in known_sections().items() if name in knobs]
            advice = f"it belongs to {' or '.join(homes)}" if homes else nearest(name, types)
            raise BadInput(f"{where}: unknown key {name!r}; {advice}")
        try:
            TypeAdapter(types[name]).validate_python(value, strict=True)
        except ValidationError as error:
            problem = error.errors()[0]
            path, seen = ".".join(map(str, (name, *problem["loc"]))), problem["input"]
            exponent = isinstance(seen, str) and re.fullmatch(r"[+-]?[\d.]+e[+-]?\d+", seen, re.IGNORECASE)
            hint = " (YAML reads 1e-3 as text; write 1.0e-3)" if exponent else ""
            expected = problem["msg"].replace("Input should be ", "expected ")
            raise BadInput(f"{where}: {path} is {seen!r}; {expected}{hint}") from None
        _check_range(name, value, f"{where}: {name}")


def _check_range(name: str, value, where: str) -> None:
    """Refuse numbers that no knob of this name can mean, and what is empty."""
    if name not in EMPTY_IS_FINE and (value in ([], {}) or (isinstance(value, str) and not value.strip())):
        raise BadInput(f"{where} is empty; expected {'a text' if isinstance(value, str) else 'at least one entry'}")
    if isinstance(value, list | dict):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _check_range(name, item, f"{where}.{key}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if name in SHARES and not 0 <= value < 1:
            raise BadInput(f"{where} is {value}; expected a share, at least 0 and less than 1")
        if name in BUSY and not 0 < value <= 1:
            raise BadInput(f"{where} is {value}; expected a share of the time, more than 0 and at most 1")
        if not (math.isfinite(value) and (value > 0 or (value == 0 and name in ZERO_IS_FINE | SHARES))):
            expected = "zero or more" if name in ZERO_IS_FINE else "more than zero"
            raise BadInput(f"{where} is {value}; expected {expected}")


def check_notebook(namespace: dict) -> None:
    """For a notebook's second cell: check the knobs as injected, whoever ran it (`check_notebook(globals())`)."""
    ours = ("In", "Out", "params")
    given = {n: v for n, v in namespace.items() if not n.startswith("_") and n not in ours and not callable(v)}
    check_values(given, namespace["__annotations__"], "parameters of this notebook")


@dataclass
class Profile:
    """A profile as read: `name`, and the values of each section that differ from the notebooks' defaults."""

    name: str
    sections: dict[str, dict]

    def resolved(self) -> dict[str, dict]:
        """Every knob with its value: running this profile repeats the run."""
        return {
            section: {**{name: knob.default for name, knob in knobs.items()}, **self.sections.get(section, {})}
            for section, knobs in known_sections().items()
        }

    def parameters(self, stem: str, results: str, replay: str = "") -> dict:
        """What papermill passes to the notebook `stem`."""
        resolved = self.resolved()
        own = {"results": results, "profile": self.name, "replay": replay}
        values = {**resolved["common"], **resolved[section_of(stem)], **own}
        return {n: values[n] for n in notebooks()[stem]}


@cache
def known_sections() -> dict[str, dict[str, Knob]]:
    """Section -> the knobs that a profile may set in it; those that more than one notebook declares are in `common`."""
    declared = Counter(name for knobs in notebooks().values() for name in knobs if name not in RUN_OWN)
    common = {name: knob for knobs in notebooks().values() for name, knob in knobs.items() if declared[name] > 1}
    own = {
        section_of(stem): {name: knob for name, knob in knobs.items() if declared[name] == 1}
        for stem, knobs in notebooks().items()
    }
    return {"common": {**common, **RUN_KEYS}, **own}


def load_profile(name: str, settings: list[str] = ()) -> Profile:
    """Read `name` (a profile in params/, or a path), apply `section.key=value` settings, refuse what nobody reads."""
    if not NOTEBOOKS.is_dir():
        raise BadInput(f"no notebooks in {ROOT}: blipkit runs from a checkout of its repository (pip install -e .)")
    path = Path(name) if name.endswith((".yaml", ".yml")) or "/" in name else PROFILES / f"{name}.yaml"
    if not path.is_file():
        raise BadInput(f"profile {name!r}: no file {path}; {nearest(name, [p.stem for p in PROFILES.glob('*.yaml')])}")
    sections = read_sections(path)
    for setting in settings:
        _apply(sections, setting)
    _check(sections, path)
    return Profile(path.resolve().parent.name if path.name == "profile.yaml" else path.stem, sections)


def knobs_of(folder: Path) -> dict[str, dict]:
    """Every knob of the run that left a results folder, by section; those that are newer than it have their defaults."""
    return Profile("", read_sections(folder / "profile.yaml")).resolved()


def read_sections(path: Path) -> dict[str, dict]:
    """The sections of a profile as they stand in the file, their keys and values not checked."""
    try:
        sections = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"profile {path}: not YAML ({_first_words(error)}); compare params/tiny.yaml") from None
    except OSError as error:
        raise BadInput(f"profile {path}: {error.strerror}; expected a file that can be read") from None
    if not isinstance(sections, dict):
        seen = "an empty file" if sections is None else type(sections).__name__
        raise BadInput(f"profile {path}: expected sections such as `common:` and `parity:`, saw {seen}")
    return {name: values if values is not None else {} for name, values in sections.items()}


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error: otherwise the first one is lost without a word."""

    def construct_mapping(self, node, deep=False):
        seen = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                said = f"key {key!r} stands twice, the second time"
                raise yaml.MarkedYAMLError(problem=said, problem_mark=key_node.start_mark)
            seen.append(key)
        return super().construct_mapping(node, deep)


def _first_words(error: Exception) -> str:
    """What a parser complains of, with the line, on one line."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{said} in line {mark.line + 1}" if mark else said


def _apply(sections: dict, setting: str) -> None:
    key, equals, text = setting.partition("=")
    section, _, name = key.strip().partition(".")
    if not (equals and name):
        raise BadInput(f"--set {setting!r}: expected section.key=value, such as parity.frames=20")
    try:
        value = yaml.load(text, _StrictLoader)
    except yaml.YAMLError:
        advice = "quote texts, such as --set 'common.questions=[\"is the dog barking?\"]'"
        raise BadInput(f"--set {setting!r}: the value is not YAML; {advice}") from None
    if isinstance(sections.setdefault(section, {}), dict):  # else `_check` names the section
        sections[section][name] = value


def _check(sections: dict, where: Path) -> None:
    known = known_sections()
    for section, values in sections.items():
        if section not in known:
            raise BadInput(f"{where}: unknown section {section!r}; {nearest(section, known)}")
        if not isinstance(values, dict):
            raise BadInput(f"{where}: section {section!r} should be `key: value` lines, saw {values!r}")
        check_values(values, {name: knob.type for name, knob in known[section].items()}, f"{where}: {section}")
