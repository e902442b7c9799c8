"""The machine is sampled from outside, and what disturbs a measurement is told."""

import subprocess
import sys
import time
import types

import pytest

from blipkit.machine.monitor import GpuState, Monitor, Sample, Usage, gpu_reader, usage_of

# seconds of the CPU's, which a machine that others use, too, takes longer to give
BUSY = "import time\nwhile time.process_time() < {}: pass"


def sample(at, busy=0.0, ours=0.0, steal=0.0, mhz=None, gpu=None) -> Sample:
    return Sample(busy, steal, ours, at, memory_gib=1.0 + at, mhz=mhz, gpu=gpu)


def test_memory_of_children_counts():
    """A block that this process takes shows in the peak; samples are in order."""
    with Monitor(every_s=0.01) as before:
        pass
    with Monitor(every_s=0.01) as monitor:
        block = bytearray(b"x") * 200_000_000
        time.sleep(0.2)
    assert monitor.peak_gib > before.peak_gib + 0.15 and len(block)
    assert [s.at_s for s in monitor.samples] == sorted(s.at_s for s in monitor.samples)


def test_a_child_that_computes_is_ours():
    """Its CPU time is found in ours, not among the neighbours'."""
    with Monitor(every_s=0.05) as monitor:
        subprocess.run([sys.executable, "-c", BUSY.format(0.6)], check=True)
    assert monitor.samples[-1].ours_s - monitor.samples[0].ours_s > 0.3


def test_shares_are_of_all_cores():
    """Two of four CPU seconds were ours, half a second somebody else's."""
    usage = usage_of([sample(0.0), sample(2.0, busy=2.1, ours=2.0)], logical_cpus=2)
    assert usage.host_percent == 50 and usage.neighbours_percent == pytest.approx(2.5)
    assert usage.memory_gib == 3.0 and usage.disturbed == "" and usage.gpu_percent is None


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (sample(1.0, busy=1.0, ours=1.0, steal=0.1), "the hypervisor took 5 % of the CPU"),
        (sample(1.0, busy=1.0, ours=0.6), "other processes took 20 % of the CPU"),
        (sample(1.0, busy=1.0, ours=1.0, mhz=2000.0), "the CPU's clock varied"),
        (sample(1.0, gpu=GpuState(90, True)), "heat or power slowed the GPU"),
    ],
)
def test_what_disturbs_is_told(last, told):
    """Steal time, a neighbour, a clock that varies, a hot GPU."""
    first = sample(0.0, mhz=3000.0 if last.mhz else None)
    assert usage_of([first, last], logical_cpus=2).disturbed == told


def test_one_sample_says_nothing():
    """A run shorter than two samples has no shares."""
    assert usage_of([sample(0.0)], 2) == Usage()


def test_without_a_gpu_nothing_is_said_of_one():
    """On this machine."""
    assert gpu_reader()() is None


def test_a_gpu_is_read_by_nvml(monkeypatch):
    """Percent of the time busy, and whether a slowdown is among the reasons of its clock (0x40: heat); a MIG part says neither."""

    class NVMLError(Exception):
        pass

    nvml = types.SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUtilizationRates=lambda device: types.SimpleNamespace(gpu=87),
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda device: 0x40 | 0x1,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert gpu_reader()() == GpuState(87, True)
    nvml.nvmlDeviceGetCurrentClocksThrottleReasons = lambda device: 0x1  # idle
    assert gpu_reader()().slowed is False

    def refuses(device):
        raise NVMLError("not supported")

    nvml.nvmlDeviceGetUtilizationRates = refuses
    assert gpu_reader()() is None


def test_samples_are_kept_by_column():
    """Those of a GPU only where one is read."""
    columns = ["busy", "steal", "ours", "at", "memory_gib", "mhz"]
    assert list(sample(0.0).columns()) == columns
    of_gpu = sample(0.0, gpu=GpuState(87, True)).columns()
    assert list(of_gpu) == [*columns, "gpu_percent", "gpu_slowed"] and of_gpu["gpu_percent"] == 87
