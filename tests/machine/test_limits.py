"""What a container may use of its machine, by files as the kernel writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.machine import host
from blipkit.machine.limits import Limits, read_limits


def system(root, memberships: str, **files: str):
    """A machine's /proc and /sys; files: path under /sys/fs/cgroup, / as __ and . as _dot_."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(memberships)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_half_a_core_of_version_2_is_seen(tmp_path):
    """docker run --cpus=0.5 --memory=2g, with a name space of its own."""
    root = system(tmp_path, "0::/\n", cpu_dot_max="50000 100000\n", memory_dot_max=f"{2**31}\n")
    assert read_limits(root) == Limits(0.5, 2.0)


def test_half_a_core_of_version_1_is_seen(tmp_path):
    """The group's own folder is found beside the other controllers'."""
    root = system(
        tmp_path,
        "4:memory:/\n1:cpu,cpuacct:/job\n0::/\n",
        cpu__job__cpu_dot_cfs_quota_us="50000\n",
        cpu__job__cpu_dot_cfs_period_us="100000\n",
        cpu__cpu_dot_cfs_quota_us="-1\n",
        memory__memory_dot_limit_in_bytes="9223372036854771712\n",
    )
    assert read_limits(root) == Limits(0.5, None)


def test_the_tightest_of_nested_groups_counts(tmp_path):
    """A job within a slice has no more than the slice."""
    root = system(
        tmp_path,
        "0::/slice/job\n",
        slice__cpu_dot_max="150000 100000\n",
        slice__job__cpu_dot_max="max 100000\n",
        slice__memory_dot_max="max\n",
    )
    assert read_limits(root) == Limits(1.5, None)


def test_a_hosts_group_names_lead_to_the_containers_limits(tmp_path):
    """Without a name space of its own a container reads names that it has no folders of."""
    root = system(tmp_path, "0::/docker/4f2a\n", cpu_dot_max="200000 100000\n")
    assert read_limits(root).cores == 2.0


@pytest.mark.parametrize("text", ["", "max", "0 0", "100000 0", "a b", "1 2 3"])
def test_what_is_no_limit_limits_nothing(tmp_path, text):
    """A file that says nothing is passed over."""
    root = system(tmp_path, "0::/\n", cpu_dot_max=text, memory_dot_max=text)
    assert read_limits(root) == Limits()


def test_a_machine_without_groups_has_no_limits(tmp_path):
    """Another system, or a kernel without them."""
    assert read_limits(tmp_path) == Limits()


@given(st.floats(0.01, 1024))
def test_cores_of_a_quota_are_whole_and_at_least_one(quota):
    """Half a core is one server's; a core and a half are two's, and never more than there are."""
    cores = host.cores_within(quota, 4)
    assert cores == max(1, min(4, math.ceil(quota)))


def test_a_machine_says_its_quota(tmp_path, monkeypatch):
    """Cores and memory are what a container may use, and what limits them is said."""
    root = system(tmp_path, "0::/\n", cpu_dot_max="50000 100000\n", memory_dot_max=f"{2**30}\n")
    monkeypatch.setattr(host, "SYSTEM", root)
    host.describe.cache_clear()
    try:
        machine = host.describe()
        assert (machine.cores, machine.memory_gib, machine.cpu_quota) == (1, 1.0, 0.5)
        assert machine.name.endswith(", 1 core") and host.usable_cores() == 1
    finally:
        host.describe.cache_clear()
