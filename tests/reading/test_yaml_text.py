import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from blipkit.reading.yaml_text import LENGTH, NODES, NotPlain, parse_yaml

BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nb: 2026-13-45",
            "'2026-13-45' is no timestamp .*month must be in 1..12.* in line 2",
        ),
        ("a: 2026-01-01 25:00:00", "is no timestamp .* in line 1"),
        ("a: 0b_", "'0b_' is no int .* in line 1"),
        ("a: 0x" + "f" * 17, "is no int .*68 bits is above 64 bits.* in line 1"),
        ("a: " + "9" * 5000, r"'999.*\.\.\..*999' is no int .* in line 1"),
        ("a: !!bool x", "'x' is no bool that can be read .its tag says so. in line 1"),
        ("a: !!int x", "'x' is no int .* in line 1"),
        ("a: !!timestamp x", "'x' is no timestamp .* in line 1"),
        ("a:\n  - !!python/object/apply:os.system [id]", "tag '.*python/object.*' in line 2|tag"),
        ("a: !mine 3", "tag '!mine', where only plain values are read, in line 1"),
        ("a: !!set {b}", "tag 'tag:yaml.org,2002:set'"),
        ("a: !!binary aGk=", "tag 'tag:yaml.org,2002:binary'"),
        ("a: &x [*x]", r"alias \*x stands in what it names in line 1"),
        ("a: &x {b: [*x]}", r"alias \*x stands in what it names"),
        ("a: *x", "found undefined alias 'x' in line 1"),
        ("a: " + "[" * 100_000, "nested more than 50 deep in line 1"),
        ("- " * 100_000, "nested more than 50 deep in line 1"),
        ("{a: " * 2000, "nested more than 50 deep in line 1"),
        (BOMB, f"more than {NODES} values, aliases written out, in line 13"),
        ("[" + "1, " * 2 * NODES + "1]", f"more than {NODES} values"),
        ("a: b\n" * LENGTH, "more than 256 KiB of text"),
        ("a: 1\nb: x\0y", "unacceptable character #x0000.* in line 2"),
        ('a: "\\ud800"', "is no str that can be read .half of a surrogate pair.* in line 1"),
        ("a: 1\nb: 2\na: 3", "key 'a' stands twice, the second time in line 3"),
        ("? [a]\n: 1", "found unhashable key in line 1"),
        ("a: 1\n---\nb: 2", "but found another document in line 2"),
        ("a: [1", "in line 1"),
    ],
    ids=range(27),
)
def test_what_is_not_plain_yaml_is_refused_by_line(text, message):
    """Dates and numbers that are none, tags, nesting, aliases and sizes end in one short sentence, at once."""
    start = time.process_time()
    with pytest.raises(ValueError, match=message) as refused:
        parse_yaml(text)
    assert len(str(refused.value)) < 400 and "\n" not in str(refused.value)
    assert time.process_time() - start < 5


def test_aliases_and_merge_keys_are_read_as_yaml_says():
    """A merged key is overridden by one of its own, and what an alias copies is nobody else's."""
    text = "a: &a {x: 1, y: [2]}\nb: &b {<<: *a, x: 3}\nc: {<<: [*b, *a], z: 4}\nd: *a\n"
    read = parse_yaml(text)
    assert read["b"] == {"x": 3, "y": [2]} and read["c"] == {"x": 3, "y": [2], "z": 4}
    assert read["d"] == read["a"] and read["d"] is not read["a"]
    assert read["d"]["y"] is not read["a"]["y"]


def test_a_merge_key_needs_a_mapping():
    """What cannot be merged is refused by its line."""
    with pytest.raises(ValueError, match="expected a mapping.* in line 1"):
        parse_yaml("a: {<<: 3}")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=9,
)


@given(PLAIN)
def test_what_yaml_writes_is_read_the_same(value):
    """Plain values survive being written and read."""
    assert parse_yaml(yaml.safe_dump(value)) == value


@given(st.text(st.sampled_from("ab:{}[]&*<!|>-? \n\t'\"#%0x_.,~\\u\0"), max_size=40))
def test_any_text_is_a_value_or_a_sentence(text):
    """No text raises anything else."""
    try:
        parse_yaml(text)
    except ValueError as error:
        assert type(error) in (ValueError, NotPlain) and 0 < len(str(error)) < 400
