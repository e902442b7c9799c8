import json
import re

from blipkit.machine import host


def test_the_machine_is_described_in_plain_values():
    """What every record carries can be written as JSON and names processor, memory and versions."""
    machine = host.describe()
    facts = machine.facts()
    assert json.loads(json.dumps(facts)) == facts and "replayed_on" not in facts
    assert machine.cores >= 1 and machine.memory_gib > 0 and machine.name
    assert {"python", "torch", "transformers", "blipkit"} <= set(machine.versions)


def test_versions_leave_out_what_is_absent():
    """A package that is not installed has no version."""
    assert host.version("no-such-package") is None
    assert re.match(r"\d+\.\d+", host.version("torch"))


def test_a_machine_without_a_gpu_has_none():
    """nvidia-smi that is absent is an empty list, not an error."""
    assert isinstance(host.describe().gpus, list)
