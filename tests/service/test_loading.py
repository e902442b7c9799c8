"""What an inference server loads: probes that tell a wrong model, and the room that 04 recommends."""

from types import SimpleNamespace

import pytest
from PIL import Image

from blipkit.errors import BlipkitError
from blipkit.frames.questions import Question
from blipkit.paths import PUBLISHED
from blipkit.service.inference import Room
from blipkit.service.knobs import Service
from blipkit.service.loading import answer, probes_of, recommended, room_of

QUESTIONS = [Question("is it red?"), Question("is it big?"), Question("what is it?", None)]
PICTURES = [Image.new("RGB", (2, 2), colour) for colour in ("red", "green", "blue")]


class Made:
    """A pipeline that answers as it is told: (text, margin) by picture and question."""

    def __init__(self, rows):
        self.rows = rows

    def answer(self, pictures, questions):
        numbers = range(len(pictures))
        return [
            [
                SimpleNamespace(text=t, margin=m, probability=0.9)
                for t, m in self.rows[n][: len(questions)]
            ]
            for n in numbers
        ]


def test_probes_are_what_no_rounding_flips():
    """The largest margins of two different answers, so that a model that says one thing always is found."""
    rows = [[("yes", 1.0), ("yes", 9.0)], [("yes", 8.0), ("no", 2.0)], [("no", 5.0), ("yes", 3.0)]]
    probes = probes_of(Made(rows), PICTURES, QUESTIONS)
    assert [(one.picture, one.question, one.expected) for one in probes] == [
        (PICTURES[0], QUESTIONS[1], "yes"),
        (PICTURES[2], QUESTIONS[0], "no"),
    ]


def test_where_there_is_one_answer_the_largest_margins_are_taken():
    """Two probes all the same; none without a frame."""
    rows = [[("yes", 1.0), ("yes", 9.0)], [("yes", 8.0), ("yes", 2.0)]]
    probes = probes_of(Made(rows), PICTURES[:2], QUESTIONS)
    assert [one.picture for one in probes] == PICTURES[:2]
    with pytest.raises(BlipkitError, match="no frame to probe it with"):
        probes_of(Made([]), [], QUESTIONS)


def test_an_answer_without_a_runner_up_has_no_margin():
    """An open answer's margin is infinite, which no JSON has."""
    made = Made([[("so", float("inf")), ("yes", 1.5)]])
    assert [one.margin for one in answer(made, PICTURES[0], QUESTIONS[:2])] == [None, 1.5]


ROW = SimpleNamespace(servers=2, clients=8, name="2-8")
ROOMS = [
    ({}, None, Room(1, 4), "04 has not said how many: a guess"),
    ({}, ROW, Room(2, 8), "04 recommends setting 2-8"),
    ({"servers": 3}, ROW, Room(3, 12), "as service.servers says"),
    ({"in_flight": 6}, ROW, Room(2, 6), "as service.in_flight says"),
    ({"servers": 3, "in_flight": 1}, None, Room(3, 3), "as service.in_flight says"),
]


@pytest.mark.parametrize(("knobs", "row", "room", "why"), ROOMS)
def test_the_room_is_what_the_profile_says_or_04_recommends(knobs, row, room, why):
    """The profile first, then 04, then a guess, which says so."""
    chosen = room_of(Service(**knobs), row)
    assert (chosen.room, chosen.why) == (room, why)


def test_what_04_recommended_is_read_from_its_records():
    """Of the arm, with threads; None for an arm that was not under load, and where 04 never ran."""
    folder = sorted(PUBLISHED.glob("*/tiny"))[-1]
    row = recommended(folder, "torchscript float32", 1e9)
    assert row.placement == "threads" and row.arm == "torchscript float32"
    assert recommended(folder, "torchscript float32", 1e-9) is None
    assert recommended(folder, "neuron none", 1e9) is None
    assert recommended(folder / "nowhere", "torchscript float32", 1e9) is None
