"""What cameras ask: its mean is what was stated, whatever the shape, and a user's file is read or refused."""

import numpy as np
import pytest

from blipkit.capacity.demand import Arrivals, Burst, Repeats, day_of, with_burst, zone_shares
from blipkit.capacity.shapes import DAY_S
from blipkit.errors import BadInput


def sent(demand, seed=1, step=60) -> np.ndarray:
    arrivals = Arrivals(demand, seed)
    parts = [arrivals.between(at, at + step) for at in range(0, DAY_S, step)]
    for times, draws in parts:
        assert (np.diff(times) >= 0).all() and len(times) == len(draws)
        assert ((draws >= 0) & (draws < 1)).all()
    return np.concatenate([times for times, _ in parts])


@pytest.mark.parametrize("shape", ["flat", "evening"])
def test_a_day_has_as_many_requests_as_stated(shape):
    """3,000 cameras with 24 events a day."""
    demand = day_of(3000, 24.0, shape)
    assert demand.requests == pytest.approx(72_000, rel=1e-3)
    assert len(sent(demand)) == pytest.approx(72_000, rel=0.02)


def test_an_evening_is_as_busy_as_stated():
    """Three times the mean at 20 h, by the clock of each time zone."""
    demand = day_of(3000, 24.0, "evening", 3.0)
    per_minute = demand.per_minute()
    assert per_minute.max() / per_minute.mean() == pytest.approx(3.0, rel=1e-3)
    assert int(per_minute.argmax() / 60) in (19, 20)
    ahead = day_of(3000, 24.0, "evening", 3.0, {"8": 1.0}).per_minute()
    assert int(ahead.argmax() / 60) in (11, 12)
    both = day_of(3000, 24.0, "evening", 3.0, {"0": 0.5, "12": 0.5}).per_minute()
    assert both.max() < per_minute.max() * 0.7 and both.sum() == pytest.approx(per_minute.sum())


def test_a_holiday_rises_within_minutes_and_yesterday_did_not():
    """Twice an ordinary evening, for an hour."""
    demand = day_of(3000, 24.0, "holiday", 3.0)
    ratio = demand.per_s / demand.yesterday_per_s
    assert ratio[: 19 * 360].max() == 1 and ratio.max() == 2
    assert (ratio > 1.5).sum() == pytest.approx(360, abs=3)  # an hour of cells of 10 s


def test_bursts_are_within_the_mean():
    """Four requests an event and half a repeat each: as many requests, less evenly."""
    plain = day_of(1500, 24.0, "flat", at_once=4)
    bursty = type(plain)(plain.cameras, plain.per_s, plain.per_s, plain.at_once, Repeats(1.0, 30.0))
    spread = {}
    for name, demand in (("plain", plain), ("bursty", bursty)):
        times = sent(demand)
        assert len(times) == pytest.approx(144_000, rel=0.03)
        spread[name] = np.histogram(times, 1440)[0].var()
    assert spread["plain"] > 2 * 100 and spread["bursty"] > 1.3 * spread["plain"]


def test_a_burst_of_many_cameras_comes_at_its_hour():
    """A tenth of them within half a minute, beside the day's own."""
    demand = with_burst(day_of(3000, 24.0, "flat"), Burst(0.1, 30.0, 12.0))
    assert demand.requests == pytest.approx(72_300, rel=1e-3)
    assert demand.per_s.argmax() == 12 * 360
    assert demand.yesterday_per_s.max() == pytest.approx(demand.per_s[0])


def test_the_same_seed_has_the_same_requests_however_it_is_cut():
    """Seeded, and another seed differs."""
    demand = day_of(300, 24.0, "evening")
    assert np.array_equal(sent(demand, 1), sent(demand, 1))
    assert not np.array_equal(sent(demand, 1), sent(demand, 2))


def test_more_cameras_ask_more():
    """The slider's: ten times the cameras, ten times the requests."""
    demand = day_of(300, 24.0, "evening")
    assert demand.times(10).requests == pytest.approx(10 * demand.requests)
    assert demand.times(10).cameras == 3000


def write(folder, lines) -> str:
    path = folder / "day.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_a_file_says_the_day(tmp_path):
    """Each minute's requests are what it says."""
    lines = ["minute,requests", *(f"{minute},{minute % 7}" for minute in range(1440))]
    demand = day_of(10, 24.0, write(tmp_path, lines))
    assert demand.per_minute() == pytest.approx([minute % 7 for minute in range(1440)])


def test_a_zone_that_is_named_twice_has_both_its_shares():
    """As 0 and as 0.0."""
    assert zone_shares({"0": 0.5, "0.0": 0.3, "-3.5": 0.2}) == {0.0: 0.8, -3.5: 0.2}


def test_a_file_with_a_mark_of_byte_order_is_read_and_has_no_time_zones(tmp_path):
    """As a spreadsheet writes it; its hours are its own."""
    lines = ["\ufeffminute,requests", *(f"{minute},5" for minute in range(1440))]
    path = write(tmp_path, lines)
    assert day_of(10, 24.0, path).requests == pytest.approx(7200)
    with pytest.raises(BadInput, match="time_zones are stated, and capacity.shape is a file"):
        day_of(10, 24.0, path, time_zones={"0": 0.5, "3": 0.5})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "1 minutes are missing, the first is 1439"),
        (lambda lines: lines[:200] + lines[260:], "60 minutes are missing, the first is 199"),
        (lambda lines: [*lines, "1440,5"], "line 1442: minute 1440; expected 0 to 1439"),
        (lambda lines: [*lines, "7,5"], "line 1442: minute 7 stands twice"),
        (lambda lines: [lines[0], "0,-3", *lines[2:]], "line 2: -3 requests; expected a count"),
        (lambda lines: [lines[0], "0,nan", *lines[2:]], "line 2: nan requests"),
        (lambda lines: [lines[0], "0,many", *lines[2:]], "line 2: saw '0,many'"),
        (lambda lines: [line.replace(",", ";") for line in lines], "line is 'minute;requests'"),
        (lambda lines: ["when,what", *lines[1:]], "the first line is 'when,what'"),
        (lambda lines: [lines[0]], "1440 minutes are missing"),
        (lambda lines: [], "an empty file"),
        (lambda lines: [line.replace(",5", ",0") for line in lines], "every minute has 0"),
    ],
)
def test_a_file_that_is_no_day_is_refused_by_line(tmp_path, change, words):
    """Gaps, negative counts, another length of day."""
    lines = ["minute,requests", *(f"{minute},5" for minute in range(1440))]
    with pytest.raises(BadInput, match=words.replace("(", r"\(")):
        day_of(10, 24.0, write(tmp_path, change(lines)))


def test_other_shapes_and_zones_are_refused():
    """With what was seen and what is known."""
    with pytest.raises(BadInput, match="did you mean 'evening'"):
        day_of(10, 24.0, "evning")
    with pytest.raises(BadInput, match="add up to 0.9; expected 1"):
        zone_shares({"0": 0.5, "3": 0.4})
    for name in ("Paris", "nan", "inf", "24"):
        with pytest.raises(BadInput, match=f"'{name}'; expected hours ahead"):
            zone_shares({name: 1.0})
    with pytest.raises(BadInput, match="peak_ratio is 9; expected 1 to 4.4"):
        day_of(10, 24.0, "evening", 9.0)
