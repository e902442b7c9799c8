import json

import pytest

from blipkit.display import figures
from blipkit.paths import ROOT
from blipkit.service import dashboard
from blipkit.service.dashboard import dashboard_body, points_of, show_panels, statistic_of
from blipkit.service.metric_lines import read_lines
from blipkit.service.metrics import Meter
from blipkit.service.panels import Series, alarm_words, alarms, panels

PAGE = ROOT / "docs/cloudwatch-dashboard.json"


@pytest.fixture
def lines(tmp_path):
    """Four periods of 10 s of an API tier, and of the inference tier of one backend."""
    api, inference = Meter("api", {}), Meter("inference", {"Backend": "inf2"})
    text = []
    for period in range(4):
        for number in range(100):
            api.add("requests")
            api.observe("latency_ms", number + 1.0)
        api.set("ready_gpu", float(period != 2))
        inference.set("queue_depth", period)
        text += [*api.lines(10_000 * period), *inference.lines(10_000 * period)]
    (tmp_path / "lines").write_text("\n".join(text) + "\n")
    return read_lines([tmp_path / "lines"])


def test_the_file_is_the_panels():
    """docs/cloudwatch-dashboard.json is `dashboard_body`, so that the page and the chapter show the same."""
    assert json.loads(PAGE.read_text()) == dashboard_body("us-east-1")


def test_cloudwatch_would_take_it():
    """At most 24 columns, no widget over another, each with a region, a period and metrics of the namespace."""
    body = dashboard_body("eu-west-1", ["gpu", "inf2", "cpu"], 250)
    seen = set()
    for widget in body["widgets"]:
        assert widget["x"] >= 0 and widget["x"] + widget["width"] <= 24
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & seen
        seen |= cells
        if widget["type"] == "metric":
            properties = widget["properties"]
            assert properties["region"] == "eu-west-1"
            assert properties["period"] in (1, 5, 10, 30) or properties["period"] % 60 == 0
            for metric in properties["metrics"]:
                assert metric[0] == "blipkit" and isinstance(metric[-1], dict)
                assert len(metric[2:-1]) % 2 == 0
    assert (
        "ready_cpu" in json.dumps(body) and "250" in body["widgets"][-1]["properties"]["markdown"]
    )


def test_alarms_are_said_in_words():
    """p99, errors, each backend that is not ready, and shadow flips: all in the text of the dashboard."""
    said = [alarm_words(one) for one in alarms(500)]
    assert said[0].startswith("p99: p99 of latency_ms above 500 for 3 minutes in a row: ")
    assert said[1].startswith("5xx: Sum of errors above 0 for 1 minute: ")
    assert [text.partition(":")[0] for text in said[2:]] == [
        "unready-gpu",
        "unready-inf2",
        "shadow-flips",
    ]
    assert "Sum of shadow_unexcused over that of shadow_answers above 0.02" in said[-1]
    titles = {panel.title for panel in panels()}
    assert all(one.panel in titles for one in alarms())


def test_points_are_cloudwatchs_statistics(lines):
    """Over all values of a period and a tier; a period without any has no point."""
    requests = Series("r", "requests", "Sum")
    assert points_of(lines, requests, 10) == [(0, 100), (10, 100), (20, 100), (30, 100)]
    assert points_of(lines, requests, 20) == [(0, 200), (20, 200)]
    assert points_of(lines, Series("l", "latency_ms", "p99"), 40) == [(0, 99)]
    assert points_of(lines, Series("g", "ready_gpu", "Minimum"), 20) == [(0, 1), (20, 0)]
    waiting = Series("w", "queue_depth", "Maximum", (("Tier", "inference"), ("Backend", "inf2")))
    assert points_of(lines, waiting, 20) == [(0, 1), (20, 3)]
    assert points_of(lines, Series("n", "nothing", "Sum"), 10) == points_of([], requests, 10) == []
    assert statistic_of([1, 2, 6], "Average") == 3


def test_the_same_panels_are_drawn(lines, monkeypatch):
    """One picture each, with its data and a caption that says from where to where each line goes."""
    drawn = []
    monkeypatch.setattr(dashboard, "show", lambda *given: drawn.append(given))
    show_panels(lines, period_s=10)
    assert [figure.axes[0].get_title() for figure, _, _ in drawn] == [p.title for p in panels()]
    _, caption, rows = drawn[0]
    assert caption == "Requests, requests in 10 s: requests: 100 to 100"
    assert rows[0] == {"line": "requests", "s": 0, "requests in 10 s": 100}
    assert "flipped: no values" in drawn[6][1]
    show_panels(lines, titles=["Latency"])
    assert len(drawn) == len(panels()) + 1


def test_a_panel_is_shown(lines, capsys):
    """By the helpers that all figures have."""
    show_panels(lines, titles=["Latency"], period_s=10)
    assert "p99: 99 to 99" in capsys.readouterr().out
    assert figures.show is dashboard.show
