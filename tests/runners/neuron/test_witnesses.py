"""What the device's witnesses say is read without trust: made-up streams in the documented form, and damaged ones."""

import json
import os

from hypothesis import given
from hypothesis import strategies as st
from monitors import report

from blipkit.runners.neuron import witnesses
from blipkit.runners.neuron.witnesses import (
    FIGURES,
    Holder,
    holders,
    parse_ls,
    parse_monitor,
    parse_power,
)


def test_a_report_is_read():
    """Counts, latency in seconds, percent and bytes, by process."""
    (row,) = parse_monitor(json.dumps(report(numerical=2, timed_out=3)))
    assert (row.pid, row.completed, row.numerical, row.failed) == (7, 123, 2, 3)
    assert row.device_s == row.total_s == 0.01 and row.utilisation == {"0": 42.01, "1": 0.0}
    assert row.tag == "7"
    assert row.device_bytes == 12519788544


def test_an_idle_process_has_no_latency():
    """null is not zero."""
    (row,) = parse_monitor(json.dumps(report(completed=0, latency=None)))
    assert row.completed == 0 and row.device_s is None and not row.has_work


@given(st.text())
def test_what_is_no_report_has_no_rows(line):
    """Nothing that a stream may hold raises."""
    assert isinstance(parse_monitor(line), list) and isinstance(parse_ls(line), list)
    assert parse_power(line) is None or 0 <= parse_power(line) <= 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)


@given(st.data())
def test_a_report_with_anything_anywhere_is_read_as_far_as_it_goes(data):
    """Whatever stands in the place of a part, the rest is read and no figure is made up."""
    whole = report()
    tree, path = whole, []
    while isinstance(tree, dict | list) and tree and data.draw(st.booleans()):
        key = data.draw(
            st.sampled_from(sorted(tree) if isinstance(tree, dict) else range(len(tree)))
        )
        path.append((tree, key))
        tree = tree[key]
    if path:
        parent, key = path[-1]
        parent[key] = data.draw(JSON)
    for row in parse_monitor(json.dumps(whole)):
        for name in (*FIGURES, "failed"):
            figure = getattr(row, name)
            assert figure is None or isinstance(figure, int | float)


@given(st.data(), st.integers(0, 2000))
def test_a_stream_that_is_cut_off_loses_only_its_last_report(data, at):
    """Half a line at the end is no report."""
    text = "\n".join(json.dumps(report(pid)) for pid in range(3))
    lines = text[: min(at, len(text))].split("\n")
    assert sum(len(parse_monitor(line)) for line in lines) in (len(lines) - 1, len(lines))


def test_neuron_ls_is_read():
    """The processes on any device."""
    device = {
        "neuron_device": 0,
        "bdf": "00:1f.0",
        "nc_count": 2,
        "memory_size": 34359738368,
        "neuroncore_ids": [0, 1],
        "connected_to": None,
    }
    process = {"pid": 4242, "command": "python", "neuron_runtime_version": "2.33.10.0"}
    assert parse_ls(json.dumps([{**device, "neuron_processes": [process]}])) == [
        Holder(4242, "python")
    ]
    assert parse_ls("[{}]") == []


@given(JSON)
def test_neuron_ls_with_anything_in_it_is_read(tree):
    """No JSON raises."""
    assert all(isinstance(row.pid, int) for row in parse_ls(json.dumps(tree)))


def test_who_holds_a_device_is_named_with_its_command(monkeypatch, tmp_path):
    """By neuron-ls, in order; where it shows nobody, by the files that processes have open; else nobody."""
    monkeypatch.setattr(witnesses.host, "SYSTEM", tmp_path)
    shown = [{"pid": 9, "command": "python b.py"}, {"pid": 7}, {"pid": 9, "command": "python b.py"}]
    said = json.dumps([{"neuron_processes": shown}])
    monkeypatch.setattr(witnesses.host, "output_of", lambda *command: said)
    assert [str(row) for row in holders()] == ["pid 7", "pid 9 (python b.py)"]

    monkeypatch.setattr(witnesses.host, "output_of", lambda *command: "")
    assert holders() == []
    device = tmp_path / "dev/neuron0"
    device.parent.mkdir()
    device.touch()
    with device.open():
        (own,) = holders()
    assert own.pid == os.getpid() and "python" in own.command and holders() == []


def test_power_is_a_share_of_the_most_that_the_device_takes():
    """Percent, never watts; nothing where the driver has no samples."""
    assert parse_power("POWER_STATUS_VALID,1700000000,10.50,80.25,42.00\n") == 42.0
    assert parse_power("POWER_STATUS_NO_DATA,0,0.00,0.00,0.00") is None
    assert parse_power("POWER_STATUS_VALID,1,2,3") is None


def test_counters_are_read_as_files_or_folders(tmp_path, monkeypatch):
    """Drivers give a count as a file or as a folder with its total; one that cannot be read is left out."""
    monkeypatch.setattr(witnesses.host, "SYSTEM", tmp_path)
    assert witnesses.counters() is None
    cores = [
        tmp_path / f"sys/devices/virtual/neuron_device/neuron0/neuron_core{i}/stats/other_info"
        for i in range(3)
    ]
    for core in cores:
        core.mkdir(parents=True)
    (cores[0] / "inference_count").write_text("41\n")
    (cores[1] / "inference_count").mkdir()
    (cores[1] / "inference_count/total").write_text("1")
    (cores[2] / "inference_count").write_text("none")
    assert witnesses.counters() == {"neuron0/neuron_core0": 41, "neuron0/neuron_core1": 1}
