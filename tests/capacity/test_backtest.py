"""A fleet that really ran, made up: simulated instance counts beside it, and files that are none refused."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from blipkit.capacity.backtest import backtest, changes, read_metrics
from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import TargetTracking
from blipkit.errors import BadInput

TARGET = 100.0
RULES = GroupRules(zones=1, start_s=180.0, warmup_s=180.0)


def lines_of(requests, instances) -> list[str]:
    begin = datetime(2026, 11, 28, 18, 0)
    lines = ["timestamp,requests,instances"]
    for minute, (count, machines) in enumerate(zip(requests, instances, strict=True)):
        at = (begin + timedelta(minutes=minute)).isoformat()
        lines.append(f"{at},{count},{machines}")
    return lines


def write(folder, lines):
    path = folder / "metrics.csv"
    path.write_text("\n".join(lines))
    return path


# 150 a minute, from minute 10 on 290: the alarm at 13, in service at 16; at minute 40 back to 150,
# of which the fifteenth minute ends at 55
REQUESTS = [150] * 10 + [290] * 30 + [150] * 30
BY_HAND = [2] * 16 + [3] * 39 + [2] * 15


def test_a_fleet_that_followed_the_rules_is_met_minute_by_minute(tmp_path):
    """Made up by hand: out at 13, in service at 16, in at 55."""
    read = read_metrics(write(tmp_path, lines_of(REQUESTS, BY_HAND)))
    found = backtest(read, TargetTracking(TARGET), RULES)
    assert found.simulated.tolist() == BY_HAND
    assert (found.error, found.equal) == (0.0, 1.0)
    text = "\n".join(found.lines())
    assert "70 minutes from 2026-11-28 18:00" in text and "(+0.0%)" in text
    assert "changes: 2 simulated, 2 actual" in text
    assert found.cells()[0] == ["0", str(f"{sum(REQUESTS[:60]):,}"), "2.65", "2.65"]


def test_another_fleet_is_not(tmp_path):
    """One that never scaled: so many instances off."""
    read = read_metrics(write(tmp_path, lines_of(REQUESTS, [4] * 70)))
    found = backtest(read, TargetTracking(TARGET), RULES)
    assert found.simulated[0] == 4 and found.equal < 0.3 and found.error > 0.8
    assert changes(read.instances) == 0


def test_a_slower_start_is_seen(tmp_path):
    """Ten minutes instead of three: in service at 23."""
    read = read_metrics(write(tmp_path, lines_of(REQUESTS, BY_HAND)))
    slow = GroupRules(zones=1, start_s=600.0, warmup_s=600.0)
    found = backtest(read, TargetTracking(TARGET), slow)
    assert np.flatnonzero(found.simulated == 3)[0] == 23


@pytest.mark.parametrize("bounds", [{"min_per_zone": 3}, {"most": 1}])
def test_bounds_that_the_fleet_did_not_have_are_refused(tmp_path, bounds):
    """It begins with two instances: from others, every minute would differ."""
    read = read_metrics(write(tmp_path, lines_of(REQUESTS, BY_HAND)))
    with pytest.raises(BadInput, match="2 instances in the first minute; --min .* allow no such"):
        backtest(read, TargetTracking(TARGET), GroupRules(zones=1, **bounds))


def without_line(lines):
    return lines[:5] + lines[6:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_line, "line 6: .* comes 120 s after the line before; expected every minute"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "comes 0 s after"),
        (lambda lines: [line.replace(",150,", ",-1,") for line in lines], "a count of -1"),
        (lambda lines: [line.replace(",150,", ",many,") for line in lines], "saw .*many"),
        (lambda lines: [line + ".5" if i else line for i, line in enumerate(lines)], "2.5 inst"),
        (lambda lines: [line[:-1] + "0" if i else line for i, line in enumerate(lines)], "no inst"),
        (lambda lines: ["at,n,m", *lines[1:]], "the first line is 'at,n,m'"),
        (lambda lines: lines[:2], "1 minutes; expected two at least"),
        (lambda lines: [], "an empty file"),
        (lambda lines: [*lines[:2], lines[2].replace(",150", "Z,150")], "some times have a zone"),
    ],
)
def test_a_file_that_is_no_export_is_refused_by_line(tmp_path, change, words):
    """Gaps, repeated minutes, negative counts, texts, parts of instances."""
    with pytest.raises(BadInput, match=words):
        read_metrics(write(tmp_path, change(lines_of(REQUESTS, BY_HAND))))
