"""A profile: which knobs differ from their defaults, as read from a file, and what it resolves
to.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from blipkit.errors import SHOWN, BadInput, nearest, shortened, shown
from blipkit.paths import NOTEBOOKS, PROFILES, ROOT
from blipkit.profiles.common import Common
from blipkit.profiles.knobs import Section, check_type, check_value, default_of, types_of
from blipkit.profiles.sections import homes_of, section_class, section_of, sections
from blipkit.reading.files import MB, decoded, is_file, read_bytes, shown_path
from blipkit.reading.yaml_text import NotPlain, parse_yaml
from blipkit.renamed import IMPLIED, KNOB_VALUES, KNOBS, REMOVED, knob_today, moved_value

LIMIT = 1 * MB  # of a profile's file
Sections = dict[str, dict[str, Any]]  # section -> knob -> value, of those that are stated


@dataclass
class Profile:
    """A profile as read.

    name: the file's, or the results folder's; sections: the values that it states, all others have
    their defaults; settings: the `section.key` of each --set, in order; source: what it was loaded
    by, a name in params/ or a path; notes: what a recorded one says that is left out, in words.
    """

    name: str
    sections: Sections
    settings: list[str] = field(default_factory=list)
    source: str = ""
    notes: list[str] = field(default_factory=list)

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
    if not is_file(path):
        known = [file.stem for file in PROFILES.glob("*.yaml")]
        problem = f"no file {shown_path(path)}"
        raise BadInput(f"profile {shown(name)}: {problem}; {nearest(name, known)}")
    stated, notes = read_sections(path), []
    is_recorded = path.with_name("run.json").is_file()
    if is_recorded:
        stated, notes = without_removed(translated(stated))
    set_knobs = {_apply(stated, setting): setting for setting in settings}
    check_sections(stated, path, set_knobs)
    known_by = path.stem
    if path.name == "profile.yaml":  # a results folder's
        known_by = path.resolve().parent.name
    source = name if path.parent == PROFILES else str(path.resolve())
    return Profile(known_by, stated, list(set_knobs), source, notes)


def read_profile(folder: Path) -> Profile:
    """The profile of the run that left a results folder, as far as this kit has its knobs.

    Knobs that are newer than the folder have their defaults.
    """
    path = folder / "profile.yaml"
    recorded, notes = without_removed(translated(read_sections(path)))
    readable = {}
    for section in [name for name in sections() if name in recorded]:
        known = types_of(section_class(section))
        values = recorded[section].items()
        readable[section] = {name: value for name, value in values if name in known}
        for name, value in readable[section].items():
            check_type(name, known[name], value, f"{path}: {section}")
    return Profile(folder.name, readable, notes=notes)


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
        value = moved_value(old, today[old_section].pop(old_key), recorded)
        today.setdefault(new_section, {}).setdefault(new_key, value)
        for implied, value in IMPLIED.get(old, {}).items():
            section, key = implied.split(".")
            today.setdefault(section, {}).setdefault(key, value)
    for section in [name for name in sections() if name in today]:
        values = today[section]
        for key, value in values.items():
            values[key] = knob_today(f"{section}.{key}", value)
    return today


def without_removed(recorded: Sections) -> tuple[Sections, list[str]]:
    """A recorded profile's sections without the knobs that are gone; in words, what those were."""
    kept = copy.deepcopy(recorded)
    notes = []
    for name, gone in REMOVED.items():
        section, key = name.split(".")
        if key in kept.get(section, {}):
            value = kept[section].pop(key)
            notes.append(f"{name} was {shown(value)}, which is gone since {gone}")
    return kept, notes


def read_sections(path: Path) -> Sections:
    """The sections of a profile as they stand in the file, their keys and values not checked."""
    where = f"profile {shown_path(path)}"
    written = read_bytes(path, LIMIT, "expected a profile; compare params/tiny.yaml")
    try:
        content = parse_yaml(decoded(written))
    except ValueError as error:
        raise BadInput(f"{where}: {_in_words(error)}; compare params/tiny.yaml") from None
    if not isinstance(content, dict):
        seen = "an empty file" if content is None else type(content).__name__
        raise BadInput(f"{where}: expected sections such as `common:` and `parity:`, saw {seen}")
    for name, values in content.items():
        if values is None:  # a section's name with nothing under it
            content[name] = {}
        elif not isinstance(values, dict) and name in sections():
            expected = "should be `key: value` lines"
            raise BadInput(f"{path}: section {shown(name)} {expected}, saw {shown(values)}")
    return content


def _in_words(error: ValueError) -> str:
    """What is wrong with a text: it is no YAML, or YAML that no profile needs."""
    if isinstance(error, NotPlain):
        return f"YAML that is not read here ({error})"
    return f"not YAML ({error})"


def _apply(stated: Sections, setting: str) -> str:
    """Put the value of one --set into its section; its `section.key`."""
    key, equals, text = setting.partition("=")
    section, _, name = key.strip().partition(".")
    if not (equals and name):
        expected = "expected section.key=value, such as parity.frames=20"
        raise BadInput(f"--set {shown(setting)}: {expected}")
    try:
        value = parse_yaml(text)
    except ValueError as error:
        advice = "quote texts, such as --set 'common.questions=[\"is the dog barking?\"]'"
        raise BadInput(
            f"--set {shown(setting)}: the value is {_in_words(error)}; {advice}"
        ) from None
    if isinstance(stated.setdefault(section, {}), dict):  # else `check_sections` names the section
        stated[section][name] = value
    return f"{section}.{name}"


def check_sections(
    stated: Sections, where: Path | str, settings: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Refuse sections and keys that nobody reads, and values that no knob can mean.

    where: what they stand in; settings: the `section.key` of those that a --set gave -> its text.
    """
    for section, values in stated.items():
        if section not in sections():
            texts = [text for key, text in settings.items() if key.startswith(f"{section}.")]
            seen_in = f"--set {shortened(texts[0], SHOWN)}" if texts else where
            advice = nearest(section, sections())
            raise BadInput(f"{seen_in}: unknown section {shown(section)}; {advice}")
        for name, value in values.items():
            text = settings.get(f"{section}.{name}")
            seen_in = where if text is None else f"--set {shortened(text, SHOWN)}"
            _check_knob(section, name, value, f"{seen_in}: {section}")


def _check_knob(section: str, name: Any, value: Any, where: str) -> None:
    """Refuse a key that is no knob of the section, or a value that it cannot mean."""
    cls = section_class(section)
    known = {knob.name: knob for knob in fields(cls)}
    if name not in known:
        raise BadInput(f"{where}: unknown key {shown(name)}; {_advice(section, name)}")
    new = KNOB_VALUES.get(f"{section}.{name}", {}).get(value) if isinstance(value, str) else None
    if new:
        raise BadInput(f"{where}.{name} is {shown(value)}; it is called {new!r} now")
    check_value(known[name], types_of(cls)[name], value, where)


def _advice(section: str, name: Any) -> str:
    """What became of an unknown key, where it belongs, or the nearest right one."""
    if new := KNOBS.get(f"{section}.{name}"):
        return f"it is {new} now"
    if gone := REMOVED.get(f"{section}.{name}"):
        return f"it is gone since {gone}; leave it out"
    if homes := homes_of(name):
        return f"it belongs to {' or '.join(homes)}"
    return nearest(name, [knob.name for knob in fields(section_class(section))])
