"""Ways to spoil an input: bytes, JSON, YAML, tables, and what stands in a file's place. Every choice is the generator's.

A mutator takes the case's `random.Random` first, and what it returns depends on nothing else, so that a number names an input.
"""

import copy
import json
import os
import shutil
from pathlib import Path
from random import Random

WORDS = [
    "",
    " ",
    "x",
    "None",
    "yes",
    "nan",
    "-1",
    "1e999",
    "0x1f",
    "../../outside/keep.txt",
    "../../outside/folder",
    "/etc/passwd",
    "~nobody-here/x",
    "~",
    "a" * 300,
    "é" * 5000,
    "x" * 200_000,
    "nul\0byte",
    "bell\x07 and escape\x1b[31m",
    "\ud800",
    "line\nbreak",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "]]>",
    "a|b|c",
    "=1+1",
    "%s %n {0}",
    "ＦＵＬＬ",
    "\u202egnp.exe",
    "𝕏",
]
# what json.dumps would not write, put in afterwards
RAW = {
    "RAW-DEEP-LIST": "[" * 3000 + "]" * 3000,
    "RAW-DEEPER-LIST": "[" * 100_000 + "]" * 100_000,
    "RAW-DEEP-MAPPING": '{"a":' * 2000 + "1" + "}" * 2000,
    "RAW-DIGITS": "9" * 6000,
    "RAW-MANY-DIGITS": "1" * 400,
    "RAW-INFINITE": "1e999",
    "RAW-NAN": "NaN",
    "RAW-OPEN": "[[[",
}
ODD = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**64),
    10**30,
    0.5,
    -0.0,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"a": {"b": []}},
    ["a", 1, None, {}],
    list(range(3000)),
    *WORDS,
    *RAW,
]
INTERESTING = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


class Twice(dict):
    """A mapping that is written with its last key twice."""

    def items(self):
        pairs = list(super().items())
        return [*pairs, *pairs[-1:]]


def spoil_bytes(rng: Random, data: bytes) -> tuple[bytes, str]:
    """The bytes with one to four faults, and which."""
    said = []
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        fault = rng.choice(BYTE_FAULTS)
        data = fault(rng, bytearray(data))
        said.append(fault.__name__)
    return bytes(data), ", ".join(said)


def _place(rng: Random, data: bytearray) -> int:
    """A place in the bytes; the first ones, which hold the header, more often."""
    if rng.random() < 0.5:
        return rng.randrange(min(len(data), 64) + 1)
    return rng.randrange(len(data) + 1)


def flip(rng: Random, data: bytearray) -> bytearray:
    """Flip a bit in a few bytes."""
    for _ in range(rng.choice([1, 2, 8, 32])):
        place = _place(rng, data)
        if place < len(data):
            data[place] ^= 1 << rng.randrange(8)
    return data


def truncate(rng: Random, data: bytearray) -> bytearray:
    """Keep the beginning."""
    return data[: _place(rng, data)]


def insert(rng: Random, data: bytearray) -> bytearray:
    """Put bytes in."""
    place = _place(rng, data)
    data[place:place] = rng.choice([rng.randbytes(rng.choice([1, 7, 400])), b"\0" * 64])
    return data


def remove(rng: Random, data: bytearray) -> bytearray:
    """Take a run of bytes out."""
    place = _place(rng, data)
    del data[place : place + rng.choice([1, 4, 100, 5000])]
    return data


def splice(rng: Random, data: bytearray) -> bytearray:
    """Copy a run of bytes elsewhere."""
    start, to = _place(rng, data), _place(rng, data)
    run = data[start : start + rng.choice([4, 30, 1000])]
    data[to : to + rng.choice([0, len(run)])] = run
    return data


def overwrite(rng: Random, data: bytearray) -> bytearray:
    """Fill a run with one byte."""
    place = _place(rng, data)
    count = min(rng.choice([1, 16, 4000]), len(data) - place)
    data[place : place + count] = bytes([rng.choice([0, 0xFF, 0x20])]) * count
    return data


def number(rng: Random, data: bytearray) -> bytearray:
    """Write a number at an edge of its type, where sizes and counts may stand."""
    place = _place(rng, data)
    size, order = rng.choice([1, 2, 4, 8]), rng.choice(["big", "little"])
    written = (rng.choice(INTERESTING) % 256**size).to_bytes(size, order)
    data[place : place + size] = written[: len(data) - place]
    return data


BYTE_FAULTS = [flip, flip, truncate, insert, remove, splice, overwrite, number, number]


def spoil_tree(rng: Random, document: object) -> tuple[object, str]:
    """A copy of what JSON or YAML holds with one to three faults in its structure, and which."""
    box = [copy.deepcopy(document)]
    said = [_spoil_once(rng, box) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    return box[0], "; ".join(said)


def _spoil_once(rng: Random, box: list) -> str:
    """Change something at a place in the tree that `box` holds; in words, what."""
    places = list(_places(box))
    holder, key, where = rng.choice(places)
    value = rng.choice(ODD)
    kind = rng.choice(["replace", "replace", "replace", "remove", "rename", "twice", "add", "wrap"])
    if kind == "remove" and holder is not box:
        del holder[key]
    elif kind == "rename" and isinstance(holder, dict):
        holder[str(rng.choice(WORDS))] = holder.pop(key)
    elif kind == "twice" and isinstance(holder[key], dict):
        holder[key] = Twice(holder[key])
    elif kind == "add" and isinstance(holder[key], dict):
        holder[key][str(rng.choice(WORDS))] = value
    elif kind == "add" and isinstance(holder[key], list):
        holder[key] += [value] * rng.choice([1, 1, 2000])
    elif kind == "wrap":
        holder[key] = rng.choice([[holder[key]], {"value": holder[key]}, str(holder[key])])
    else:
        kind, holder[key] = "replace", copy.deepcopy(value)
    return f"{kind} {where[:80]} {str(value)[:20]!r}"


def _places(tree: list | dict, where: str = "") -> list[tuple]:
    """(holder, key, path) of every value in a tree."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    found = []
    for key in keys:
        path = f"{where}/{key}"
        found.append((tree, key, path))
        if isinstance(tree[key], list | dict):
            found += _places(tree[key], path)
    return found


def as_json(document: object, indent: int | None = None) -> str:
    """JSON, with what json.dumps cannot write in the place of its names."""
    text = json.dumps(document, indent=indent)
    for name, raw in RAW.items():
        text = text.replace(json.dumps(name), raw)
    return text


def spoil_json(rng: Random, text: str) -> tuple[bytes, str]:
    """A JSON document with a fault in its structure, seldom in its bytes."""
    if rng.random() < 0.15:
        return spoil_bytes(rng, text.encode())
    document, said = spoil_tree(rng, json.loads(text))
    written = as_json(document, rng.choice([None, 2]))
    return _encoded(rng, written), said


def spoil_json_lines(rng: Random, text: str) -> tuple[bytes, str]:
    """Records with a fault in a line, or among the lines."""
    lines = text.splitlines() or ["{}"]
    place = rng.randrange(len(lines))
    kind = rng.choice(["line", "line", "line", "bytes", "cut", "doubled", "shuffled", "blank"])
    if kind == "line":
        document, said = spoil_tree(rng, json.loads(lines[place]))
        lines[place] = as_json(document)
        return _encoded(rng, "\n".join(lines) + "\n"), f"line {place + 1}: {said}"
    if kind == "bytes":
        return spoil_bytes(rng, text.encode())
    if kind == "cut":
        lines = lines[:place]
    elif kind == "doubled":
        lines.insert(place, lines[place])
    elif kind == "shuffled":
        rng.shuffle(lines)
    else:
        lines.insert(place, rng.choice(["", "\r", "\u2028", "null", "[]", "\ufeff"]))
    return "".join(f"{line}\n" for line in lines).encode(), f"{kind} at line {place + 1}"


def _encoded(rng: Random, text: str) -> bytes:
    """The text in UTF-8, seldom in another encoding or with a mark before it."""
    encoding = "utf-8"
    if rng.random() < 0.04:
        encoding = rng.choice(["utf-16", "utf-8-sig", "latin-1", "cp037"])
    return text.encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")


YAML_BITS = [
    "2020-13-45",
    "2020-02-30 25:61:61",
    "!!int x",
    "!!bool x",
    "!!float x",
    "!!timestamp x",
    "!!binary '%%%'",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
    "!!python/object/apply:os.system ['touch EXECUTED']",
    "!!python/name:os.system",
    "!!python/object/new:os.system ['touch EXECUTED']",
    "!unknown {a: 1}",
    "0b2",
    "0o9",
    "1_000",
    "190:20:30",
    "190:99:99.x",
    ".nan",
    "-.inf",
    "1" + "0" * 5000,
    "0x" + "f" * 5000,
    "[" * 2000 + "]" * 2000,
    "{a: " * 2000 + "1" + "}" * 2000,
    "&a [*a]",
    "&a {x: *a}",
    "*nobody",
    "{<<: {seed: 4}}",
    "{<<: *nobody}",
    "{<<: 3}",
    "? [a, b]\n: 1",
    "? {a: b}\n: 1",
    "{[a]: 1}",
    "{? {a: 1} : 2}",
    "{1: 2, true: 3, null: 4}",
    "|\n  text\n  more",
    ">-\n  folded",
    "'it''s'",
    '"\\x00\\ud800"',
    '"\\U00110000"',
    "'unclosed",
    "@at",
    "%TAG",
    "`tick`",
    "\t- tab",
    "---\n...\n---\n",
    "[&a x, *a, *a]",
    "[a, [b, *c]]",
    "\x07",
    "\x85",
    "\ufeff",
    "[" + ", ".join(str(i) for i in range(5000)) + "]",
]


def yaml_bomb(rng: Random) -> str:
    """Lists of aliases of lists of aliases: a few hundred bytes, a billion values."""
    levels = rng.choice([3, 9, 30])
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a]"]
    for level in range(1, levels):
        before = ", ".join([f"*x{level - 1}"] * 9)
        lines.append(f"x{level}: &x{level} [{before}]")
    lines.append(f"common: {{questions: *x{levels - 1}}}")
    return "\n".join(lines) + "\n"


def spoil_yaml(rng: Random, text: str) -> tuple[bytes, str]:
    """A profile with a value, a line or its bytes changed."""
    kind = rng.choice(["value", "value", "value", "line", "line", "bytes", "bomb", "whole"])
    if kind == "bytes":
        return spoil_bytes(rng, text.encode())
    if kind == "bomb":
        return yaml_bomb(rng).encode(), "bomb"
    bit = rng.choice([*YAML_BITS, *(json.dumps(word) for word in WORDS)])
    if kind == "whole":
        return _encoded(rng, bit), f"only {bit[:30]!r}"
    lines = text.splitlines()
    place = rng.randrange(len(lines))
    if kind == "value":
        key, colon, _ = lines[place].partition(": ")
        lines[place] = f"{key.removesuffix(':')}: {bit}"
    else:
        indent = " " * rng.choice([0, 1, 2, 4])
        added = rng.choice(
            [bit, f"- {bit}", f"key: {bit}", f"common: {bit}", f"<<: {bit}", lines[-1]]
        )
        lines.insert(place, indent + added)
    return _encoded(rng, "\n".join(lines) + "\n"), f"{kind} in line {place + 1}: {bit[:30]!r}"


CELLS = [
    *WORDS,
    '"',
    '""',
    '"open',
    "a,b",
    "1,5",
    "USD",
    "0",
    "-0",
    "inf",
    "1e400",
    "2020-01-01/2019-01-01",
    "2020-13-01",
    "\x00",
    "\ufeff",
    "9" * 5000,
    "y" * 140_000,
]


def spoil_table(rng: Random, text: str) -> tuple[bytes, str]:
    """A table of comma-separated values with a cell, its quotes, its header or its bytes changed."""
    kind = rng.choice(["cell", "cell", "cell", "row", "header", "quote", "bytes", "ends", "many"])
    rows = [line.split(",") for line in text.splitlines()]
    place = rng.randrange(len(rows))
    row = rows[place]
    value = rng.choice(CELLS)
    if kind == "bytes":
        return spoil_bytes(rng, text.encode())
    if kind == "cell":
        row[rng.randrange(len(row))] = value
    elif kind == "row":
        rows.insert(place, rng.choice([[], [""], row, row[:-1], [*row, value], [value] * 40]))
    elif kind == "header":
        head = rows[0]
        spoiled = [head[:-1], [*head, "x"], head[::-1], [*head, head[0]], [value], []]
        rows[0] = rng.choice(spoiled)
    elif kind == "quote":
        row[rng.randrange(len(row))] = rng.choice(['"', '"a', 'a"b', '"a"b', '"\n"', "'"])
    elif kind == "many":
        rows += [row] * 2000
    end = "\n"
    if kind == "ends":
        end = rng.choice(["\r\n", "\r", "\n\n", "\x0b", "\u2028", ""])
    written = end.join(",".join(cells) for cells in rows) + end
    return _encoded(rng, written), f"{kind} in line {place + 1}: {value[:20]!r}"


def replace_file(rng: Random, path: Path, world: Path) -> str:
    """Put something else in a file's place; in words, what. world: holds `outside`, which is nobody's to touch."""
    whole = path.read_bytes() if path.is_file() else b""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    kind = rng.choice([*LINKS, "fifo", "folder", "empty", "missing", "sparse", "full folder"])
    if kind in LINKS:
        path.symlink_to(LINKS[kind].format(world=world, name=path.name))
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "full folder":
        path.mkdir()
        (path / path.name).write_bytes(whole)
    elif kind == "empty":
        path.touch()
    elif kind == "sparse":
        path.touch()
        os.truncate(path, 2 << 30 if path.suffix in DOCUMENTS else 64 << 20)
    return f"{path.name} is now: {kind}"


# nobody has one of gigabytes
DOCUMENTS = (".json", ".jsonl", ".yaml", ".csv", ".ipynb", ".md", ".xml")
LINKS = {
    "link to a file outside": "{world}/outside/secret.txt",
    "link to a folder outside": "{world}/outside/folder",
    "link to itself": "{name}",
    "link to nothing": "{world}/outside/not-there",
    "link to no end": "/dev/zero",
    "link up": "..",
}
