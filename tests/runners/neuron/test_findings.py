"""What parent and child tell each other while components are recorded."""

import json
from dataclasses import asdict

import pytest

from blipkit import Bucket
from blipkit.records.typed import row_of
from blipkit.runners.neuron.findings import Finding, RecordingJob, RecordingReply

SLICE = Finding("WARN", "a slice", "model.py:9: x[i:]", "mask instead")


@pytest.mark.parametrize(
    "message",
    [
        RecordingJob("image_encoder", Bucket(2, 1, 6, 2, 3)),
        RecordingReply([]),
        RecordingReply([SLICE, SLICE], {"dot": 2}, {"add": 1}, 1e-7, 1.5),
    ],
)
def test_a_message_is_the_same_after_json(message):
    """A bucket and the findings within are of their types again."""
    assert row_of(type(message), json.loads(json.dumps(asdict(message)))) == message
