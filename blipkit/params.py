"""Profiles and knobs. A notebook's `parameters` cell is the only place where a knob is declared: name, type, default,
reason. A profile (params/*.yaml) says what differs; it is checked here, because papermill only logs an unknown
parameter, and YAML reads 1e-3 as text.
"""

import ast
import math
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, ValidationError, create_model

from blipkit.errors import BadInput, nearest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PROFILES = ROOT / "params"
PUBLISHED = ROOT / "results" / "published"
TYPES = {t.__name__: t for t in (str, int, float, bool, list, dict)}
# common keys read by run and report alone; only: the notebooks of this profile, all where it is empty
RUN_DEFAULTS = {"required": [], "only": [], "cell_limit_s": 3600, "share_frames": False}
RUN_KEYS = {"required": list[str], "only": list[str], "cell_limit_s": int, "share_frames": bool}
RUN_OWN = ("results", "profile", "replay")  # knobs that a run sets itself; no profile may
SHARES = {"flip_limit", "accuracy_floor", "target_saving", "overlap_floor"}  # from 0 up to, not including, 1
ZERO_IS_FINE = {"seed", "warmup"}  # every other number must be more than zero
EMPTY_IS_FINE = {"required", "only", "beside", "replay", "neuron_stack", "compiler_flags", "incumbent"}


def is_folder(value: str) -> bool:
    """Whether a knob's text names a folder, where it may also name something else."""
    return "/" in value or bool(value) and Path(value).is_dir()


@dataclass(frozen=True)
class Knob:
    """One line of a parameters cell."""

    name: str
    type: Any
    default: Any
    reason: str


def knobs_in(source: str) -> dict[str, Knob]:
    """The knobs declared in the source of a parameters cell."""
    lines = source.splitlines()
    knobs = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.AnnAssign):
            raise BadInput(
                f"parameters cell, line {node.lineno}: expected `name: type = default  # reason`, saw {lines[node.lineno - 1]!r}"
            )
        annotation = eval(ast.unparse(node.annotation), {"__builtins__": {}}, TYPES)  # our own notebooks' types
        reason = lines[node.end_lineno - 1].partition("  # ")[2].strip()
        knobs[node.target.id] = Knob(node.target.id, annotation, ast.literal_eval(node.value), reason)
    return knobs


@cache
def notebooks() -> dict[str, dict[str, Knob]]:
    """Notebook stem, in running order, -> its knobs."""
    import nbformat

    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        cells = [c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
        if len(cells) != 1:
            raise BadInput(
                f"{path.name}: {len(cells)} cells are tagged `parameters`; expected one, with the notebook's knobs"
            )
        if section_of(path.stem) in {"common", *map(section_of, found)}:
            raise BadInput(
                f"{path.name}: the section {section_of(path.stem)!r} is taken; give the notebook another name"
            )
        found[path.stem] = knobs_in(cells[0].source)
    return found


def section_of(stem: str) -> str:
    """Profile section of a notebook: `parity` for 03_parity."""
    return stem.partition("_")[2]


def check_values(values: dict, knobs: dict[str, Any], where: str) -> dict:
    """Refuse what no knob names or types allow; `knobs` maps a name to its type."""
    for name in values:
        if name not in knobs:
            raise BadInput(f"{where}: unknown key {name!r}; {nearest(name, knobs)}")
    model = create_model(
        "Knobs", __config__=ConfigDict(strict=True), **{n: (t, ...) for n, t in knobs.items() if n in values}
    )
    try:
        model(**values)
    except ValidationError as error:
        problem = error.errors()[0]
        path, seen = ".".join(map(str, problem["loc"])), problem["input"]
        hint = " (YAML reads 1e-3 as text; write 1.0e-3)" if isinstance(seen, str) and _is_number(seen) else ""
        expected = problem["msg"].replace("Input should be ", "expected ")
        raise BadInput(f"{where}: {path} is {seen!r}; {expected}{hint}") from None
    for name, value in values.items():
        _check_range(name, value, f"{where}: {name}")
    return values


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
        if not (math.isfinite(value) and (value > 0 or (value == 0 and name in ZERO_IS_FINE | SHARES))):
            raise BadInput(
                f"{where} is {value}; expected {'zero or more' if name in ZERO_IS_FINE else 'more than zero'}"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_notebook(namespace: dict) -> None:
    """For a notebook's second cell: check the knobs as injected, whoever ran it (`check_notebook(globals())`)."""
    types = namespace.get("__annotations__", {})
    ours = {"In", "Out", "exit", "quit", "open", "get_ipython", "params"}
    given = {n: v for n, v in namespace.items() if not n.startswith("_") and n not in ours and not callable(v)}
    check_values(given, types, "parameters of this notebook")


@dataclass
class Profile:
    """A profile as read: `name`, and the values of each section that differ from the notebooks' defaults."""

    name: str
    sections: dict[str, dict] = field(default_factory=dict)

    @property
    def required(self) -> list[str]:
        """Names of the gates that must have been measured."""
        return self.sections.get("common", {}).get("required", [])

    def resolved(self) -> dict[str, dict]:
        """Every knob with its value: running this profile repeats the run."""
        full = {"common": {**common_defaults(), **self.sections.get("common", {})}}
        for stem, knobs in notebooks().items():
            own = {n: k.default for n, k in knobs.items() if n not in common_knobs() and n not in RUN_OWN}
            full[section_of(stem)] = {**own, **self.sections.get(section_of(stem), {})}
        return full

    def parameters(self, stem: str, results: str, replay: str = "") -> dict:
        """What papermill passes to the notebook `stem`."""
        resolved = self.resolved()
        own = dict(zip(RUN_OWN, (results, self.name, replay), strict=True))
        values = {**resolved["common"], **resolved[section_of(stem)], **own}
        return {n: values[n] for n in notebooks()[stem]}


@cache
def common_knobs() -> dict[str, Knob]:
    """The knobs that more than one notebook declares: the `common` section."""
    seen: dict[str, list[Knob]] = {}
    for knobs in notebooks().values():
        for name, knob in knobs.items():
            seen.setdefault(name, []).append(knob)
    return {n: ks[0] for n, ks in seen.items() if len(ks) > 1 and n not in RUN_OWN}


def common_defaults() -> dict:
    return {name: knob.default for name, knob in common_knobs().items()} | RUN_DEFAULTS


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
    profile = Profile(path.resolve().parent.name if path.name == "profile.yaml" else path.stem, sections)
    _check(profile, str(path))
    return profile


def read_sections(path: Path) -> dict[str, dict]:
    """The sections of a profile as they stand in the file, their keys and values not checked."""
    try:
        sections = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"profile {path}: not YAML ({_first_words(error)}); compare params/tiny.yaml") from None
    except OSError as error:
        raise BadInput(f"profile {path}: {error.strerror}; expected a file that can be read") from None
    if sections is None:
        raise BadInput(f"profile {path}: the file is empty; expected sections such as `common:` and `parity:`")
    if not isinstance(sections, dict):
        raise BadInput(
            f"profile {path}: expected sections such as `common:` and `parity:`, saw {type(sections).__name__}"
        )
    return {name: values if values is not None else {} for name, values in sections.items()}


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error: otherwise the first one is lost without a word."""

    def construct_mapping(self, node, deep=False):
        seen = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.YAMLError(
                    f"key {key!r} stands twice, the second time in line {key_node.start_mark.line + 1}"
                )
            seen.append(key)
        return super().construct_mapping(node, deep)


def _first_words(error: Exception) -> str:
    """What a parser complains of, with the line, on one line."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{said}, line {mark.line + 1}" if mark else said


def _apply(sections: dict, setting: str) -> None:
    key, equals, text = setting.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot and name):
        raise BadInput(f"--set {setting!r}: expected section.key=value, such as parity.frames=20")
    try:
        value = yaml.load(text, _StrictLoader)
    except yaml.YAMLError:
        raise BadInput(
            f"--set {setting!r}: the value is not YAML; quote texts, such as --set 'common.questions=[\"is the dog barking?\"]'"
        ) from None
    if not isinstance(sections.setdefault(section, {}), dict):
        raise BadInput(
            f"--set {setting!r}: section {section!r} of the profile is {sections[section]!r}, not `key: value` lines"
        )
    sections[section][name] = value


def _check(profile: Profile, where: str) -> None:
    common = {n: k.type for n, k in common_knobs().items()} | RUN_KEYS
    known = {"common": common}
    for stem, knobs in notebooks().items():
        known[section_of(stem)] = {n: k.type for n, k in knobs.items() if n not in common and n not in RUN_OWN}
    for section, values in profile.sections.items():
        if section not in known:
            raise BadInput(f"{where}: unknown section {section!r}; {nearest(section, known)}")
        if not isinstance(values, dict):
            raise BadInput(f"{where}: section {section!r} should be `key: value` lines, saw {values!r}")
        for name in values:
            homes = [home for home, knobs in known.items() if name in knobs]
            if homes and section not in homes:
                raise BadInput(f"{where}: {section}: unknown key {name!r}; it belongs to {' or '.join(homes)}")
        check_values(values, known[section], f"{where}: {section}")
