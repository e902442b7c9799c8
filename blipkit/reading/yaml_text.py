"""YAML as people write it: plain values alone, bounded before anything is built of them."""

from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from blipkit.errors import shortened, shown
from blipkit.reading.plain import DEPTH, check_int, check_text

NODES = 10_000  # values, keys, lists and mappings, an alias counted as what it stands for
LENGTH = 256 * 1024  # characters
PLAIN = ("null", "bool", "int", "float", "str", "timestamp", "seq", "map", "merge")
TAG = "tag:yaml.org,2002:"


class NotPlain(ValueError):
    """A text is YAML, and holds what is not read: too much, or no plain value."""


def parse_yaml(text: str) -> Any:
    """The value of a YAML text; no two places of it are the same object.

    ValueError says what is wrong with it, and in which line; so of a key that stands twice.
    NotPlain, where it is YAML: a tag of Python's or another that is not plain, a date or a number
    that is none, an alias to what it stands in, or more nodes, depth or length than people write.
    """
    if len(text) > LENGTH:
        raise NotPlain(f"more than {LENGTH // 1024} KiB of text")
    try:
        return _apart(yaml.load(text, _PlainLoader))
    except _Refused as error:
        raise NotPlain(_in_words(error, text)) from None
    except yaml.YAMLError as error:
        raise ValueError(_in_words(error, text)) from None


class _Refused(yaml.MarkedYAMLError):
    """Our own error at a node or an event, beside those of the parser."""


class _PlainLoader(yaml.SafeLoader):
    """YAML of plain values. What is too large is refused while it is composed, node by node."""

    def __init__(self, stream: str):
        super().__init__(stream)
        self.depth = 0
        self.sizes: dict[int, tuple[int, int]] = {}  # id of a whole node -> its nodes, its depth

    def compose_node(self, parent, index):
        """A node; the aliases in it have been counted as what they stand for."""
        self.depth += 1
        if self.depth > DEPTH:
            raise _refused(f"nested more than {DEPTH} deep", self.peek_event())
        is_alias = self.check_event(yaml.AliasEvent)
        event = self.peek_event()
        node = super().compose_node(parent, index)
        self.depth -= 1
        if not is_alias:
            _check_tag(node)
            self.sizes[id(node)] = self._size(node)
        elif id(node) not in self.sizes:
            raise _refused(f"alias *{shortened(event.anchor, 100)} stands in what it names", event)
        return node

    def _size(self, node: Node) -> tuple[int, int]:
        """Nodes in a node, itself among them, and how deep they nest."""
        nodes, depth = 1, 1
        for inner in _inside(node):
            more, deeper = self.sizes[id(inner)]
            nodes += more
            depth = max(depth, deeper + 1)
        if nodes > NODES:
            raise _refused(f"more than {NODES} values, aliases written out,", node)
        if depth > DEPTH:
            raise _refused(f"nested more than {DEPTH} deep, aliases written out,", node)
        return nodes, depth

    def compose_mapping_node(self, anchor):
        """A mapping, each of whose keys stands once: the first would be lost silently."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, ScalarNode) else id(key)
            if name in seen:
                problem = f"key {shown(key.value)} stands twice, the second time"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(name)
        return node

    def construct_object(self, node, deep=False):
        """A node's value; what Python cannot make of it is named with its line."""
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                check_int(value)
            elif isinstance(value, str):
                check_text(value)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
            kind = node.tag.removeprefix(TAG)
            problem = f"{shown(node.value)} is no {kind} that can be read ({_reason(error)})"
            raise _refused(problem, node) from None
        return value


def _inside(node: Node) -> list[Node]:
    """The nodes directly in a node."""
    if isinstance(node, ScalarNode):
        return []
    if isinstance(node, MappingNode):
        return [one for pair in node.value for one in pair]
    return node.value


def _check_tag(node: Node) -> None:
    """Refuse a tag that asks for another value than plain ones."""
    if node.tag.removeprefix(TAG) not in PLAIN:
        raise _refused(f"tag {shown(node.tag)}, where only plain values are read,", node)


def _reason(error: Exception) -> str:
    """What Python says, where it says it in words."""
    if isinstance(error, ValueError | OverflowError) and str(error):
        return str(error).partition(";")[0]
    return "its tag says so"


def _refused(problem: str, where: Any) -> _Refused:
    """An error at a node or an event."""
    return _Refused(problem=problem, problem_mark=where.start_mark)


def _in_words(error: yaml.YAMLError, text: str) -> str:
    """What a parser complains of, with the line, on one line."""
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"{shortened(problem, 300)} in line {mark.line + 1}"
    line = text[: getattr(error, "position", 0)].count("\n") + 1
    return f"{shortened(problem, 300)} in line {line}"


def _apart(value: Any) -> Any:
    """The same value, in which what an alias named is a copy: a change in one place is one."""
    if isinstance(value, dict):
        return {key: _apart(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_apart(one) for one in value]
    return value
