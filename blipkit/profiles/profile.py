"""A profile: which knobs differ from their defaults, as read from a file, and what it resolves
to.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from blipkit.errors import BadInput, nearest
from blipkit.paths import NOTEBOOKS, PROFILES, ROOT
from blipkit.profiles.common import Common
from blipkit.profiles.knobs import Section, check_value, default_of, types_of
from blipkit.profiles.sections import homes_of, section_class, section_of, sections
from blipkit.renamed import IMPLIED, KNOB_VALUES, KNOBS, knob_today

Sections = dict[str, dict[str, Any]]  # section -> knob -> value, of those that are stated


@dataclass
class Profile:
    """A profile as read.

    name: the file's, or the results folder's; sections: the values that it states, all others have
    their defaults; settings: the `section.key` of each --set, in order; source: what it was loaded
    by, a name in params/ or a path.
    """

    name: str
    sections: Sections
    settings: list[str] = field(default_factory=list)
    source: str = ""

    def section(self, name: str) -> Section:
        """One section's knobs, typed, those not named at their defaults."""
        return section_class(name)(**self.sections.get(name, {}))

    @property
    def common(self) -> Common:
        return self.section("common")

    def resolved(self) -> Sections:
        """Every knob with its value: running this profile repeats the run."""
        return {name: values_of(self.section(name)) for name in sections()}

    def parameters(self, stem: str, results: str, replay: str = "") -> dict[str, Any]:
        """What papermill passes to the notebook `stem`: its folders, and the chapter's knobs."""
        passed = {"results": results, "profile": self.name, "replay": replay}
        passed.update(values_of(self.section(section_of(stem))))
        return passed

    def origin(self, section: str, name: str, value: Any) -> str:
        """Where a knob's value came from: default, profile, --set, or a notebook's own cell."""
        stated = self.sections.get(section, {})
        is_stated = name in stated and stated[name] == value
        if is_stated and f"{section}.{name}" in self.settings:
            return "--set"
        defaults = {knob.name: default_of(knob) for knob in fields(section_class(section))}
        if value == defaults[name]:
            return "default"
        if is_stated:
            return "profile"
        return "cell"


def values_of(section: Section) -> dict[str, Any]:
    """Name -> value of every knob of a section."""
    return {knob.name: getattr(section, knob.name) for knob in fields(section)}


def load_profile(name: str, settings: list[str] = ()) -> Profile:
    """The profile `name`, in params/ or a path, with `section.key=value` settings applied.

    BadInput for keys that nobody reads and values that no knob can mean.
    """
    if not NOTEBOOKS.is_dir():
        raise BadInput(
            f"no notebooks in {ROOT}: blipkit runs from a checkout of its repository (pip "
            "install -e .)"
        )
    path = PROFILES / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name)
    if not path.is_file():
        known = [file.stem for file in PROFILES.glob("*.yaml")]
        raise BadInput(f"profile {name!r}: no file {path}; {nearest(name, known)}")
    stated = read_sections(path)
    is_recorded = path.with_name("run.json").is_file()
    if is_recorded:
        stated = translated(stated)
    set_knobs = [_apply(stated, setting) for setting in settings]
    check_sections(stated, path, set_knobs)
    known_by = path.stem
    if path.name == "profile.yaml":  # a results folder's
        known_by = path.resolve().parent.name
    source = name if path.parent == PROFILES else str(path.resolve())
    return Profile(known_by, stated, set_knobs, source)


def read_profile(folder: Path) -> Profile:
    """The profile of the run that left a results folder, as far as this kit has its knobs.

    Knobs that are newer than the folder have their defaults.
    """
    recorded = translated(read_sections(folder / "profile.yaml"))
    readable = {}
    for section in [name for name in sections() if name in recorded]:
        known = types_of(section_class(section))
        values = recorded[section].items()
        readable[section] = {name: value for name, value in values if name in known}
    return Profile(folder.name, readable)


def section_in(folder: Path, name: str) -> Section:
    """One section's knobs of the run that left a results folder."""
    return read_profile(folder).section(name)


def translated(recorded: Sections) -> Sections:
    """A recorded profile's sections with the names and values of today."""
    today = copy.deepcopy(recorded)
    for old, new in KNOBS.items():
        old_section, old_key = old.split(".")
        new_section, new_key = new.split(".")
        if old_key not in today.get(old_section, {}):
            continue
        value = today[old_section].pop(old_key)
        today.setdefault(new_section, {}).setdefault(new_key, value)
        for implied, value in IMPLIED.get(old, {}).items():
            section, key = implied.split(".")
            today.setdefault(section, {}).setdefault(key, value)
    for section, values in today.items():
        for key, value in values.items():
            values[key] = knob_today(f"{section}.{key}", value)
    return today


def read_sections(path: Path) -> Sections:
    """The sections of a profile as they stand in the file, their keys and values not checked."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(
            f"profile {path}: not YAML ({_first_words(error)}); compare params/tiny.yaml"
        ) from None
    except OSError as error:
        raise BadInput(
            f"profile {path}: {error.strerror}; expected a file that can be read"
        ) from None
    if not isinstance(content, dict):
        seen = "an empty file" if content is None else type(content).__name__
        raise BadInput(
            f"profile {path}: expected sections such as `common:` and `parity:`, saw {seen}"
        )
    for name, values in content.items():
        if values is None:  # a section's name with nothing under it
            content[name] = {}
    return content


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, where the first would be lost silently."""

    def construct_mapping(self, node, deep=False):
        keys = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                problem = f"key {key!r} stands twice, the second time"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            keys.append(key)
        return super().construct_mapping(node, deep)


def _first_words(error: Exception) -> str:
    """What a parser complains of, with the line, on one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if mark is None:
        return problem
    return f"{problem} in line {mark.line + 1}"


def _apply(stated: Sections, setting: str) -> str:
    """Put the value of one --set into its section; its `section.key`."""
    key, equals, text = setting.partition("=")
    section, _, name = key.strip().partition(".")
    if not (equals and name):
        raise BadInput(f"--set {setting!r}: expected section.key=value, such as parity.frames=20")
    try:
        value = yaml.load(text, _StrictLoader)
    except yaml.YAMLError:
        advice = "quote texts, such as --set 'common.questions=[\"is the dog barking?\"]'"
        raise BadInput(f"--set {setting!r}: the value is not YAML; {advice}") from None
    if isinstance(stated.setdefault(section, {}), dict):  # else `check_sections` names the section
        stated[section][name] = value
    return f"{section}.{name}"


def check_sections(stated: Sections, where: Path | str, settings: Sequence[str] = ()) -> None:
    """Refuse sections and keys that nobody reads, and values that no knob can mean.

    where: what they stand in; settings: the `section.key` of those that a --set gave.
    """
    for section, values in stated.items():
        is_set = any(setting.startswith(f"{section}.") for setting in settings)
        if section not in sections():
            seen_in = "--set" if is_set else where
            raise BadInput(
                f"{seen_in}: unknown section {section!r}; {nearest(section, sections())}"
            )
        if not isinstance(values, dict):
            expected = "should be `key: value` lines"
            raise BadInput(f"{where}: section {section!r} {expected}, saw {values!r}")
        for name, value in values.items():
            seen_in = "--set" if f"{section}.{name}" in settings else where
            _check_knob(section, name, value, f"{seen_in}: {section}")


def _check_knob(section: str, name: Any, value: Any, where: str) -> None:
    """Refuse a key that is no knob of the section, or a value that it cannot mean."""
    cls = section_class(section)
    known = {knob.name: knob for knob in fields(cls)}
    if name not in known:
        raise BadInput(f"{where}: unknown key {name!r}; {_advice(section, name)}")
    new = KNOB_VALUES.get(f"{section}.{name}", {}).get(value) if isinstance(value, str) else None
    if new:
        raise BadInput(f"{where}.{name} is {value!r}; it is called {new!r} now")
    check_value(known[name], types_of(cls)[name], value, where)


def _advice(section: str, name: Any) -> str:
    """What an unknown key is called now, where it belongs, or the nearest right one."""
    if new := KNOBS.get(f"{section}.{name}"):
        return f"it is {new} now"
    if homes := homes_of(name):
        return f"it belongs to {' or '.join(homes)}"
    return nearest(name, [knob.name for knob in fields(section_class(section))])
