"""What earlier kits called things: knobs, gates, keys and values of records -> their names today;
and the knobs that are gone.

The one table by which recorded folders stay readable. A name leaves it when no schema that is read
has it any more.
"""

from typing import Any

KNOBS = {
    "concurrency.p99_limit_ms": "concurrency.latency_limit_ms",
    "concurrency.batch": "concurrency.batch_sizes",
    "parity.format_frames": "parity.baseline_frames",
    "parity.flip_limit": "parity.frame_flip_limit",
}
# Knobs that are gone -> since which day, and why. What a recorded profile says of one is left out,
# with a note; a profile that names one is refused with these words.
REMOVED = {
    "capacity.beside_as_of": "2026-11-28: the rates of capacity.beside are yours, date and all",
}
# Values that an older kit's knob implied, where the new name alone would mean something else.
IMPLIED = {"concurrency.p99_limit_ms": {"concurrency.percentile": 99.0}}
# knobs that had one value, and have several
BECAME_LISTS = ("concurrency.batch_sizes",)
# knob -> its values
KNOB_VALUES = {"common.frames_from": {"drawn": "synthetic"}}

LARGEST_SHARE = 0.99  # that a limit may be

GATES = {
    "every piece compiles": "every component compiles",
    "steady load": "stable load",
}

_LAW = {
    old + end: new + end
    for old, new in {"a": "one_client_per_s", "s": "contention", "k": "coherency"}.items()
    for end in ("", "_low", "_high")
}
_COMPARISON = {"same_format": "baseline", "format_errors": "baseline_errors"}
# In records of kind `plugged_in` the compiled answer stood under the arm's text, before this key.
SAME_TOKENS = "same tokens"
# kind of record -> key
RECORD_KEYS = {
    "cost": {"p99_ms": "latency_ms"},
    "concurrency": {"little": "littles_law_ratio", "batch": "batch_size"},
    "admission": {"little": "littles_law_ratio", "batch": "batch_size"},
    "scalability": _LAW,
    "parity": _COMPARISON,
    "parity_scores": _COMPARISON,
    "parity_noise": _COMPARISON,
}
# key of any record -> its values
RECORD_VALUES = {"state": {"settled": "stable", "unsettled": "unstable"}, "gate": GATES}


def gate_today(name: str) -> str:
    """A gate's name today."""
    return GATES.get(name, name)


def record_today(record: dict[str, Any]) -> dict[str, Any]:
    """A record with the names of today."""
    if record.get("kind") == "plugged_in" and SAME_TOKENS in record:
        record = _plugged_in_today(record)
    keys = RECORD_KEYS.get(record.get("kind"), {})
    renamed = {keys.get(key, key): value for key, value in record.items()}
    for key, values in RECORD_VALUES.items():
        if isinstance(renamed.get(key), str):
            renamed[key] = values.get(renamed[key], renamed[key])
    return renamed


def _plugged_in_today(record: dict[str, Any]) -> dict[str, Any]:
    """A record of kind `plugged_in` that names its arm, and has the same keys for all arms."""
    keys = list(record)
    arm = keys[keys.index(SAME_TOKENS) - 1]
    renamed = {key: value for key, value in record.items() if key not in (arm, SAME_TOKENS)}
    renamed["arm"] = arm
    renamed["compiled"] = record[arm]
    renamed["same_tokens"] = record[SAME_TOKENS]
    return renamed


def moved_value(old: str, value: Any, recorded: dict[str, Any]) -> Any:
    """What a recorded knob's value is under its name of today; recorded: the profile's sections.

    A limit on the share of answers that flip becomes one on the share of frames: of a frame's
    answers each may be the one that flips.
    """
    questions = recorded.get("common", {}).get("questions")
    is_limit = old == "parity.flip_limit" and isinstance(value, float)
    if not is_limit or not isinstance(questions, list):
        return value
    ranked = [question for question in questions if not _is_open(question)]
    return min(value * len(ranked), LARGEST_SHARE)


def _is_open(question: Any) -> bool:
    """Whether a recorded question has no candidates to choose from."""
    return isinstance(question, dict) and question.get("candidates") == "open"


def knob_today(name: str, value: Any) -> Any:
    """The value today of a knob, `section.key`; of a list, that of each of its entries."""
    known = KNOB_VALUES.get(name, {})
    if name in BECAME_LISTS and not isinstance(value, list):
        return [value]
    if name == "common.required" and isinstance(value, list):
        return [gate_today(gate) if isinstance(gate, str) else gate for gate in value]
    if isinstance(value, str):
        return known.get(value, value)
    return value
