import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blipkit.errors import BadInput
from blipkit.service.metric_lines import read_lines, values_of
from blipkit.service.metrics import UNUSABLE, Meter, backend_metric

SCHEMA = json.loads((Path(__file__).parent / "emf_schema.json").read_text())
JUDGE = jsonschema.Draft202012Validator(SCHEMA)


def made_meter() -> Meter:
    return Meter("api", {"Service": "cameras"}, source="test")


def check_line(text: str) -> dict:
    """A line that the schema, and what no schema can say, allow."""
    assert "\n" not in text and len(text.encode()) <= 1_000_000
    line = json.loads(text)
    JUDGE.validate(line)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    named = [one["Name"] for one in directive["Metrics"]] + directive["Dimensions"][0]
    assert set(named) <= set(line) and len(set(named)) == len(named)
    return line


def test_a_period_is_one_line_of_a_tier():
    """Counts, levels and values of the period, with what they are and whose."""
    meter = made_meter()
    meter.add("requests")
    meter.add("requests", 2)
    meter.set("in_flight", 5)
    meter.observe("latency_ms", 12.5)
    meter.observe("latency_ms", 13.5)
    meter.set("requests_per_target", 30.0)
    (text,) = meter.lines(1_700_000_000_000)
    line = check_line(text)
    assert line["requests"] == 3 and line["in_flight"] == 5 and line["latency_ms"] == [12.5, 13.5]
    assert line["Tier"] == "api" and line["Service"] == "cameras" and line["record_id"] == "test-1"
    definitions = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    units = {one["Name"]: one["Unit"] for one in definitions}
    assert units["latency_ms"] == "Milliseconds" and units["requests"] == "Count"
    assert [one["Name"] for one in definitions if one.get("StorageResolution") == 1] == [
        "requests_per_target"
    ]


def test_a_period_begins_anew_and_a_count_stays():
    """What did not happen again is there as 0, so that an alarm sees it; a level stays as it is."""
    meter = made_meter()
    assert meter.lines(1) == []
    meter.add("errors", 2)
    meter.set("queue_depth", 7)
    meter.observe("latency_ms", 1)
    meter.lines(1)
    (text,) = meter.lines(2)
    line = check_line(text)
    assert line["errors"] == 0 and line["queue_depth"] == 7 and "latency_ms" not in line
    assert line["record_id"] == "test-2"


@given(st.lists(st.floats(0, 1e5), max_size=450), st.lists(st.floats(0, 1e5), max_size=250))
@settings(max_examples=25)
def test_nothing_is_dropped(latencies, waits):
    """However many values there are, each is in one line, in order, and no line has more than it may."""
    meter = made_meter()
    for value in latencies:
        meter.observe("latency_ms", value)
    for value in waits:
        meter.observe("queued_ms", value)
    meter.add("requests", len(latencies))
    lines = [check_line(text) for text in meter.lines(1)]
    for name, values in {"latency_ms": latencies, "queued_ms": waits}.items():
        assert [value for line in lines for value in line.get(name, [])] == values
    assert sum(line.get("requests", 0) for line in lines) == len(latencies)


def test_many_metrics_take_several_lines():
    """At most 100 are defined in a line; the largest line that a meter can write is below 1 MB."""
    meter = Meter("api", {f"D{n}": "x" * 1024 for n in range(29)})
    for number in range(250):
        name = f"metric_{number:0>90}_ms"
        for value in range(150):
            meter.observe(name, -math.pi * 1e-300 * (value + 1))
    lines = [check_line(text) for text in meter.lines(10**15)]
    named = [
        one["Name"] for line in lines for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    ]
    assert len(lines) == 6 and len(named) == 500 and len(set(named)) == 250
    assert len({line["record_id"] for line in lines}) == 6


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2.0**361])
def test_what_is_no_number_is_counted(value):
    """CloudWatch would drop it silently; here it is counted, and the line stays whole."""
    meter = made_meter()
    meter.observe("latency_ms", value)
    meter.add("requests", value)
    meter.set("in_flight", value)
    (text,) = meter.lines(1)
    line = check_line(text)
    assert line[UNUSABLE] == 3 and line["requests"] == 0 and "in_flight" not in line
    assert f"{UNUSABLE}_total" in meter.prometheus() and "nan" not in meter.prometheus()


def test_names_and_dimensions_that_would_be_lost_are_refused():
    """Message: what was seen, and what was expected."""
    meter = made_meter()
    for name in ("Latency", "latency ms", "", "1st", "record_id", "ä"):
        with pytest.raises(BadInput, match="expected small letters, digits and _"):
            meter.add(name)
    meter.add("requests")
    with pytest.raises(BadInput, match="metric requests is of another type"):
        meter.observe("requests", 1)
    with pytest.raises(BadInput, match="metric requests is of another type"):
        meter.set("requests", 1)
    for value in ("", " ", ":a", "ä", "a\n", "x" * 1025):
        with pytest.raises(BadInput, match="dimension Fleet is .*; expected 1 to 1024 printable"):
            Meter("api", {"Fleet": value})
    with pytest.raises(BadInput, match="dimension 'fleet'; expected letters"):
        Meter("api", {"fleet": "a"})
    with pytest.raises(BadInput, match="31 dimensions; expected at most 30"):
        Meter("api", {f"D{n}": "a" for n in range(30)})


def test_the_schema_refuses():
    """The schema that judges the lines knows what is wrong with one."""
    line = json.loads(next(iter(_with_latency().lines(1))))
    spoilt = [
        {"latency_ms": [1.0] * 101},
        {"latency_ms": []},
        {"latency_ms": None},
        {"_aws": {"CloudWatchMetrics": []}},
        {"_aws": {"Timestamp": 1.5, "CloudWatchMetrics": []}},
    ]
    for change in spoilt:
        assert not JUDGE.is_valid(line | change), change
    for key, value in {"Unit": "Milli", "StorageResolution": 10, "Other": 1, "Name": ""}.items():
        changed = json.loads(json.dumps(line))
        changed["_aws"]["CloudWatchMetrics"][0]["Metrics"][0][key] = value
        assert not JUDGE.is_valid(changed), key
    assert JUDGE.is_valid(line)


def _with_latency() -> Meter:
    meter = made_meter()
    meter.observe("latency_ms", 2.0)
    return meter


def check_recomputed(tmp_path, n: int) -> None:
    """Sum, count and p99 of n made-up latencies are those of the lines, read twice over."""
    latencies = np.random.default_rng(n).lognormal(3, 1, n).tolist()
    meter, text = made_meter(), []
    for number, value in enumerate(latencies):
        meter.observe("latency_ms", value)
        meter.add("requests")
        if number % 997 == 0:
            text += meter.lines(number)
    text += meter.lines(n)
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(line + "\n" for line in text))
    lines = read_lines([path, path])
    found = values_of(lines, "latency_ms", "api")
    assert len(found) == n and math.fsum(found) == math.fsum(latencies)
    assert np.percentile(found, 99) == np.percentile(latencies, 99)
    assert sum(values_of(lines, "requests")) == n
    assert values_of(lines, "latency_ms", "inference") == []


def test_figures_are_those_of_the_observations(tmp_path):
    """What a page computes from the lines is what the writer was told, doubles removed."""
    check_recomputed(tmp_path, 20_000)


@pytest.mark.slow
def test_figures_are_those_of_a_million_observations(tmp_path):
    """The same of 1,000,000 requests."""
    check_recomputed(tmp_path, 1_000_000)


def test_two_processes_never_share_a_record_id(tmp_path):
    """Two meters of one tier write lines that are both counted."""
    texts = []
    for _ in range(2):
        meter = Meter("api", {})
        meter.add("requests")
        texts += meter.lines(5)
    (tmp_path / "a").write_text("\n".join(texts) + "\n" + texts[0][:30])
    assert values_of(read_lines([tmp_path / "a"]), "requests") == [1, 1]


INFINITE = '{"_aws": {"Timestamp": 1e999, "CloudWatchMetrics": [{"Dimensions": [[]], "Metrics": []}]}, "record_id": "a"}'


@pytest.mark.parametrize(
    "spoilt",
    [
        "{}",
        '{"_aws": 1}',
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": []}}',
        INFINITE,
        "[1]",
        "x",
    ],
)
def test_a_line_that_is_none_is_named(tmp_path, spoilt):
    """File, line, and what was expected."""
    path = tmp_path / "metrics.jsonl"
    path.write_text(_with_latency().lines(1)[0] + "\n" + spoilt + "\n")
    with pytest.raises(BadInput, match="metrics.jsonl, line 2: .*embedded metric format"):
        read_lines([path])


def test_prometheus_reads_the_text():
    """Types, labels, escapes, times in seconds, and buckets that count what is below them, too."""
    meter = Meter("api", {"Fleet": 'a "b" \\ c'})
    meter.add("requests", 3)
    meter.set("in_flight", 2)
    for value in (0.5, 1, 150, 99_999):
        meter.observe("latency_ms", value)
    meter.lines(1)
    text = meter.prometheus()
    labels = '{tier="api",fleet="a \\"b\\" \\\\ c"'
    for line in (
        "# TYPE blipkit_requests_total counter",
        f"blipkit_requests_total{labels}}} 3.0",
        "# TYPE blipkit_latency_seconds histogram",
        f'blipkit_latency_seconds_bucket{labels},le="0.001"}} 2.0',
        f'blipkit_latency_seconds_bucket{labels},le="10.0"}} 3.0',
        f'blipkit_latency_seconds_bucket{labels},le="+Inf"}} 4.0',
        f"blipkit_latency_seconds_count{labels}}} 4.0",
        f"blipkit_latency_seconds_sum{labels}}} 100.1505",
        f"blipkit_in_flight{labels}}} 2.0",
    ):
        assert line in text.splitlines()


def test_prometheus_own_parser_reads_the_text():
    """As its client library does, where that is installed."""
    reason = "prometheus_client is not installed"
    parser = pytest.importorskip("prometheus_client.parser", reason=reason)
    meter = Meter("api", {"Fleet": 'a "b" \\ c'})
    meter.add("requests", 3)
    meter.observe("latency_ms", 150)
    families = {one.name: one for one in parser.text_string_to_metric_families(meter.prometheus())}
    assert families["blipkit_requests"].type == "counter"
    assert families["blipkit_requests"].samples[0].labels["fleet"] == 'a "b" \\ c'
    assert families["blipkit_latency_seconds"].type == "histogram"


def test_a_backends_metric_has_its_name():
    """Whatever a backend is called, CloudWatch and Prometheus take the metric."""
    assert backend_metric("share", "gpu") == "share_gpu"
    meter = made_meter()
    meter.set(backend_metric("share", "Inf2-B eu"), 0.5)
    assert json.loads(meter.lines(1)[0])["share_inf2_b_eu"] == 0.5
