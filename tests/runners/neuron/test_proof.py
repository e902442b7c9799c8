"""What the device's witnesses say is read without trust: made-up streams in the documented form, and damaged ones."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.runners.neuron import proof
from blipkit.runners.neuron.proof import execution_gate, parse_ls, parse_monitor, parse_power

QUANTILES = ("p0", "p1", "p25", "p50", "p75", "p99", "p100")


def report(pid=7, completed=123, numerical=0, timed_out=0, latency=0.01, error="") -> dict:
    """One report of neuron-monitor, as its user guide shows it."""
    outcomes = {
        "completed": completed,
        "completed_with_err": 0,
        "completed_with_num_err": numerical,
    }
    outcomes |= {"timed_out": timed_out, "incorrect_input": 0, "failed_to_queue": 0}
    seen = dict.fromkeys(QUANTILES, latency) if latency else None
    stats = {"period": 1.03, "execution_summary": outcomes, "error": ""}
    stats |= {"latency_stats": {"total_latency": seen, "device_latency": seen}}
    cores = {
        "0": {"neuroncore_utilization": 42.01, "flops": 1234567891011},
        "1": {"neuroncore_utilization": 0.0},
    }
    memory = {
        "period": 1.0,
        "neuron_runtime_used_bytes": {"host": 6997643264, "neuron_device": 12519788544},
    }
    told = {
        "execution_stats": stats,
        "neuroncore_counters": {"neuroncores_in_use": cores},
        "memory_used": memory,
    }
    process = {"pid": pid, "neuron_runtime_tag": str(pid), "error": error, "report": told}
    return {
        "neuron_runtime_data": [process],
        "system_data": {},
        "instance_info": {"instance_type": "inf2.xlarge"},
    }


def test_a_report_is_read():
    """Counts, latency in seconds, percent and bytes, by process."""
    (row,) = parse_monitor(json.dumps(report(numerical=2, timed_out=3)))
    assert (row["pid"], row["completed"], row["numerical"], row["failed"]) == (7, 123, 2, 3)
    assert row["device_s"] == row["total_s"] == 0.01 and row["utilisation"] == [42.01, 0.0]
    assert row["tag"] == "7"
    assert row["device_bytes"] == 12519788544


def test_an_idle_process_has_no_latency():
    """null is not zero."""
    (row,) = parse_monitor(json.dumps(report(completed=0, latency=None)))
    assert row["completed"] == 0 and row["device_s"] is None


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
        for name in (
            "pid",
            "completed",
            "failed",
            "numerical",
            "device_s",
            "total_s",
            "device_bytes",
        ):
            assert row[name] is None or isinstance(row[name], int | float)


@given(st.data(), st.integers(0, 2000))
def test_a_stream_that_is_cut_off_loses_only_its_last_report(data, at):
    """Half a line at the end is no report."""
    text = "\n".join(json.dumps(report(pid)) for pid in range(3))
    kept = text[: min(at, len(text))].split("\n")
    assert sum(len(parse_monitor(line)) for line in kept) in (len(kept) - 1, len(kept))


def test_neuron_ls_is_read():
    """Devices with the processes on them."""
    about = {
        "neuron_device": 0,
        "bdf": "00:1f.0",
        "nc_count": 2,
        "memory_size": 34359738368,
        "neuroncore_ids": [0, 1],
    }
    process = {"pid": 4242, "command": "python", "neuron_runtime_version": "2.33.10.0"}
    listed = json.dumps([{**about, "connected_to": None, "neuron_processes": [process]}])
    assert parse_ls(listed) == [{"pids": [4242]}]
    assert parse_ls("[{}]") == [{"pids": []}]


@given(JSON)
def test_neuron_ls_with_anything_in_it_is_read(tree):
    """No JSON raises."""
    for row in parse_ls(json.dumps(tree)):
        assert isinstance(row["pids"], list)


def test_power_is_a_share_of_the_most_that_the_device_takes():
    """Percent, never watts; nothing where the driver has no samples."""
    assert parse_power("POWER_STATUS_VALID,1700000000,10.50,80.25,42.00\n") == 42.0
    assert parse_power("POWER_STATUS_NO_DATA,0,0.00,0.00,0.00") is None
    assert parse_power("POWER_STATUS_VALID,1,2,3") is None


def row(**changed) -> dict:
    """What was sent, and that every witness saw it."""
    whole = {
        "sent": 1000,
        "monitor_completed": 1000,
        "counter_rise": 1000,
        "failed": 0,
        "numerical_errors": 0,
    }
    return {**whole, "only_on_device": True, "seen_by_neuron_ls": True, **changed}


NOBODY = {"monitor_completed": None, "counter_rise": None}


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        (
            {},
            "PASS",
            "of 1000 executions sent, neuron-monitor counted 1000, the driver's counters counted 1000",
        ),
        ({"counter_rise": None}, "PASS", "neuron-monitor counted 1000"),
        ({"monitor_completed": None}, "PASS", "the driver's counters counted 1000"),
        ({"monitor_completed": 991, "counter_rise": 1009}, "PASS", "counted 991"),
        (
            {"monitor_completed": 989},
            "INVALID",
            "1000 executions were sent, neuron-monitor counted 989",
        ),
        ({"counter_rise": 0}, "INVALID", "the driver's counters counted 0"),
        ({"counter_rise": 5000}, "INVALID", "counted 5000"),
        (NOBODY, "PASS", "weaker proof"),
        (
            {**NOBODY, "seen_by_neuron_ls": None},
            "INVALID",
            "nothing shows that it ran on the device",
        ),
        ({**NOBODY, "only_on_device": False}, "INVALID", "nothing shows that it ran on the device"),
        ({"numerical_errors": 3}, "FAIL", "3 of 1000 executions failed on the device, 3 with NaN"),
        ({"failed": 2}, "FAIL", "2 of 1000 executions failed on the device, 0 with NaN"),
        ({"sent": 0, "monitor_completed": 0, "counter_rise": 0}, "INVALID", "nothing was sent"),
    ],
)
def test_the_gate_believes_witnesses_that_agree(changed, status, reason):
    """A count within one percent is proof; one that contradicts, or none at all, makes the measurement invalid."""
    gate = execution_gate(
        "execution load", [row(), row(**changed)] if changed.get("sent") != 0 else [row(**changed)]
    )
    alone = execution_gate("execution load", [row(**changed)])
    assert gate.status == alone.status == status and reason in alone.reason
    assert bool(alone.next) == (status != "PASS")


def test_without_any_row_nothing_is_proved():
    """An arm on Neuron that was never sent anything is INVALID."""
    assert execution_gate("execution load", []).status == "INVALID"


def test_counters_are_read_as_files_or_folders(tmp_path, monkeypatch):
    """Drivers give a count as a file or as a folder with its total; one that cannot be read is left out."""
    monkeypatch.setattr(proof.host, "SYSTEM", tmp_path)
    assert proof.counters() is None
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
    assert proof.counters() == {"neuron0/neuron_core0": 41, "neuron0/neuron_core1": 1}


def test_a_machine_without_the_tools_says_so(monkeypatch, tmp_path):
    """No neuron-ls, no monitor: no devices, no counts, and nothing raised."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(proof.host, "SYSTEM", tmp_path)
    with proof.Watch() as watch:
        assert proof.devices() == []
    seen = watch.row(
        {"executed": [{"pid": 1, "sent": 5, "only_on_device": True}], "on_device": None}
    )
    assert seen["monitor_completed"] is None and seen["counter_rise"] is None and seen["sent"] == 5


def test_processes_are_known_by_their_tag_where_a_container_numbers_them_anew(
    monkeypatch, tmp_path
):
    """neuron-monitor may see other pids than a container does; a stranger's executions are never ours."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with proof.Watch() as watch:
        for pid, tag in ((4711, watch.tag), (7, "7"), (8, "someone's")):
            told = report(pid, completed=100)
            told["neuron_runtime_data"][0]["neuron_runtime_tag"] = tag
            watch.rows += parse_monitor(json.dumps(told))
    seen = watch.row(
        {"executed": [{"pid": 7, "sent": 200, "only_on_device": True}], "on_device": None}
    )
    assert seen["monitor_completed"] == 200 and watch.environment["NEURON_PROCESS_TAG"] == watch.tag
