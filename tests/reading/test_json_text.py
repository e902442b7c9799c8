import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.reading.json_text import parse_json, parse_object
from blipkit.reading.plain import LARGEST


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nests more than 50 deep"),
        (b"[" * 60 + b"]" * 60, "nests more than 50 deep"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "nests more than 50 deep"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "above 64 bits"),
        (b'{"a": 9223372036854775808}', "64 bits"),
        (b'{"a": 1, "a": 2}', "key 'a' stands twice"),
        (b'\xef\xbb\xbf{"a": 1}', "BOM"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\uDFFF": 1}', "surrogate"),
        (b'{"a": 1', "line 1 column 8"),
        (b"", "line 1 column 1"),
        (b"{'a': 1}", "line 1"),
    ],
    ids=range(14),
)
def test_what_no_writer_of_json_writes_is_refused(content, message):
    """Depth, digits, doubled keys and broken characters are said in one short sentence."""
    with pytest.raises(ValueError, match=message) as refused:
        parse_json(content)
    assert len(str(refused.value)) < 300


def test_an_object_is_asked_for():
    """Another value than an object is refused with what it is."""
    with pytest.raises(ValueError, match=r"is \[1\], no JSON object"):
        parse_object(b"[1]")
    assert parse_object(b"{}") == {}


def test_json_is_read_as_python_writes_it():
    """The largest integers, NaN and a character in two halves are what they were."""
    value = {"a": [LARGEST - 1, -LARGEST, 1.5], "b": "\U0001f600"}
    assert parse_json(json.dumps(value).encode()) == value
    assert math.isnan(parse_json(b"NaN"))


@given(st.binary(max_size=30) | st.text('{}[]":,0129e+.\\ud8Na \n').map(str.encode))
def test_any_bytes_are_a_value_or_a_sentence(content):
    """No bytes raise anything else."""
    try:
        parse_json(content)
    except ValueError as error:
        assert str(error)
