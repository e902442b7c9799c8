"""Each part of a machine against its SDK release, with one step for each that does not hold."""

import json
import subprocess
import sys

import pytest
import rehearsal
from studies import displayed, recorded, study_of

from blipkit.machine import host
from blipkit.records.typed import record_of
from blipkit.runners.neuron import doctor
from blipkit.runners.neuron.doctor import (
    Part,
    are_a_pair,
    check_parts,
    examine_parts,
    is_at_least,
    numbers,
)
from blipkit.runners.neuron.witnesses import Holder


def test_this_machine_lacks_what_it_lacks():
    """A row for each part; what holds needs no step, what does not has one."""
    parts = {part.part: part for part in check_parts()}
    assert all(bool(part.next) == (part.status != "PASS") for part in parts.values())
    assert {
        "glibc",
        "Python",
        "torch-neuronx",
        "Neuron devices",
        "driver",
        "cores",
        "host memory",
        "disk",
    } <= set(parts)
    if not host.describe().neuron_devices:
        devices = parts["Neuron devices"]
        assert devices.status == "FAIL" and "inf2.xlarge" in devices.next


def failing() -> list[Part]:
    """The parts of this machine that do not hold."""
    return [part for part in check_parts() if part.status != "PASS"]


@pytest.fixture
def inf2(monkeypatch, tmp_path):
    """A fake inf2.xlarge on which everything is right."""
    rehearsal.enter(monkeypatch, rehearsal.make_system(tmp_path / "system"))
    monkeypatch.setattr(doctor, "operating_system", lambda: "Ubuntu 24.04.3 LTS")
    monkeypatch.setattr(doctor, "package_version", lambda name: "2.33.10.0-1a2b")
    monkeypatch.setattr(doctor.platform, "libc_ver", lambda: ("glibc", "2.39"))
    monkeypatch.setattr(
        doctor.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100e9})
    )
    monkeypatch.setattr(doctor, "swap_gib", lambda: 16.0)
    monkeypatch.setattr(doctor, "import_problem", lambda installed: "")
    versions = {**host.versions(), "torch": "2.9.0+cpu", "python": "3.12.3"}
    monkeypatch.setattr(host, "versions", lambda: versions)
    machine = host.Machine("inf2", neuron_devices=["neuron0"], memory_gib=15.4)
    monkeypatch.setattr(host, "describe", lambda: machine)
    yield versions
    monkeypatch.undo()
    rehearsal.forget()


def test_a_machine_that_is_right_has_no_next_step(inf2):
    """Nothing to do."""
    assert failing() == []


@pytest.mark.parametrize(
    ("part", "change", "step"),
    [
        ("torch", {"torch": "2.10.0"}, "use the image"),
        ("neuronx-cc", {"neuronx-cc": "2.27.5334.0"}, "use the image"),
        ("Python", {"python": "3.10.12"}, "use the image"),
        ("torch-neuronx", {"torch-neuronx": "2.9.1.9.9.9"}, "use the image"),
    ],
)
def test_a_library_of_another_release_is_named(inf2, part, change, step):
    """Only that part fails."""
    inf2 |= change
    (bad,) = failing()
    assert (
        bad.part == part
        and step in bad.next
        and bad.seen == next(iter(change.values())).rpartition(".")[0]
        or part != "Python"
    )


def test_a_core_that_is_held_is_named_with_its_pid(inf2, monkeypatch):
    """Whoever has it must end."""
    monkeypatch.setattr(doctor, "holders", lambda: [Holder(4242, "python serve.py")])
    (bad,) = failing()
    assert bad.part == "cores" and bad.seen == "held by pid 4242 (python serve.py)"
    assert "end those processes" in bad.next


@pytest.mark.parametrize(
    ("package", "check"), [("torch-neuronx", "import_problem"), ("neuronx-cc", "compiler_problem")]
)
def test_a_library_that_does_not_work_is_no_pass(inf2, monkeypatch, package, check):
    """Its version is right, and says nothing."""
    monkeypatch.setattr(doctor, check, lambda installed: f"{installed} is broken")
    (bad,) = failing()
    assert bad.part == package and bad.seen == f"{inf2[package]}: does not work"
    assert bad.status == "FAIL" and bad.next == f"{inf2[package]} is broken"


@pytest.mark.parametrize("version", ["2.13.3", "2.14.3"])
def test_another_product_with_the_name_is_told_apart(inf2, version):
    """What pip installs where no version is asked for, since SDK 2.33."""
    inf2["torch-neuronx"] = version
    (bad,) = failing()
    assert bad.part == "torch-neuronx" and bad.seen == f"{version}: another product"
    assert "is TorchNeuron" in bad.next
    assert "pip install torch-neuronx==2.9.0.2.15.32035 neuronx-cc==2.26.6360.0" in bad.next


@pytest.mark.parametrize(("swap", "status"), [(0.0, "WARN"), (16.0, "PASS")])
def test_without_swap_a_large_compile_may_be_killed(inf2, monkeypatch, swap, status):
    """An inf2.xlarge shows 15.4 GiB and its image has no swap: the commands to make some are told."""
    monkeypatch.setattr(doctor, "swap_gib", lambda: swap)
    part = next(part for part in check_parts() if part.part == "swap")
    assert part.status == status and part.expected == "18.75 GiB with the memory"
    assert ("sudo fallocate -l 16G /swapfile" in part.next) == (status == "WARN")


@pytest.mark.parametrize(
    ("driver", "runtime", "pair"),
    [
        ("2.29.0.0", "2.33.10.0", True),
        ("2.29.0.0", "2.32.31.0", False),
        ("2.26.10.0", "2.32.31.0", False),
        ("2.28.0.0", "2.32.31.0", True),
        ("2.26.10.0", "2.30.51.0", True),
    ],
)
def test_driver_and_runtime_are_a_pair_or_not(driver, runtime, pair):
    """The two rules of the runtime's release notes."""
    assert are_a_pair(driver, runtime) is pair


def test_versions_are_compared_by_their_numbers():
    """2.10 is later than 2.9; a suffix counts for nothing; none is older than any."""
    assert (
        numbers("2.9.1+cpu") == (2, 9, 1)
        and numbers("2.33.10.0-1a2b") == (2, 33, 10, 0)
        and numbers(None) == ()
    )
    assert (
        is_at_least("2.10", "2.9") and not is_at_least("2.9", "2.10") and not is_at_least(None, "1")
    )


def test_doctor_speaks_json():
    """`blipkit doctor --json` has the parts, whether the machine is ready, the arms, and the platform's gate."""
    done = subprocess.run(
        [sys.executable, "-m", "blipkit", "doctor", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    examined = json.loads(done.stdout)
    assert set(examined) == {"machine", "ready", "parts", "platform_support", "arms"}
    assert examined["ready"] == all(row["status"] != "FAIL" for row in examined["parts"])
    assert (
        examined["platform_support"]["status"] == "WARN" and examined["arms"]["eager float32"] == ""
    )


def test_parts_are_examined_where_a_neuron_device_is_expected(small, tmp_path, monkeypatch, capsys):
    """A table and a record of every part; elsewhere nothing is asked, and a line says so."""
    shown = displayed(monkeypatch)
    study = study_of("00_environment", tmp_path / "cpu", small)
    examine_parts(study).table()
    assert (
        capsys.readouterr().out
        == "Parts of a Neuron machine: not asked, this profile expects cpu\n"
    )
    assert not study.results.has("parts") and shown == []

    study = study_of("00_environment", tmp_path / "neuron", small, knobs={"expect": "neuron"})
    parts = examine_parts(study)
    parts.table()
    assert [row.part for row in parts.rows] == [part.part for part in check_parts()]
    records = study.results.read("parts")
    assert [record["status"] for record in records] == [row.status for row in parts.rows]
    assert shown[0][0].count("<tr>") == len(parts.rows)


def test_in_a_replay_the_parts_are_those_of_the_recorded_machine(
    small, tmp_path, monkeypatch, capsys
):
    """This one is not looked at; a folder without them has none."""
    monkeypatch.setattr(doctor, "check_parts", None)
    driver = Part("driver", "2.29.0.0", "2.29.0.0", "PASS", "")
    record = dict(record_of(driver), weights_digest=small.digest)
    far = recorded(tmp_path / "far", parts=[record])
    expect = {"expect": "neuron"}
    study = study_of("00_environment", tmp_path / "a", small, far, expect)
    assert examine_parts(study).rows == [driver]
    bare = recorded(tmp_path / "bare")
    examine_parts(study_of("00_environment", tmp_path / "b", small, bare, expect)).table()
    assert "Parts of this machine: not recorded" in capsys.readouterr().out
