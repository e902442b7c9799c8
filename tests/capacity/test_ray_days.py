"""Days over a real Ray cluster, by joblib's own backend: as they come out here."""

import tempfile

import pytest
from made_fleet import planned_day

from blipkit.capacity.candidates import Carried, candidates
from blipkit.capacity.runs import run_seed
from blipkit.capacity.spread import spread

pytestmark = pytest.mark.service
ray = pytest.importorskip("ray", reason="needs the extra service")


@pytest.fixture
def address(monkeypatch):
    """Of a cluster of one node, in processes of its own; gone afterwards, with its files."""
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(
        prefix="ray-"
    ) as folder:  # short: sockets have their paths in it
        monkeypatch.setenv("RAY_TMPDIR", folder)  # also of the file that names the newest cluster
        node = {"num_cpus": 2, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=node)
        yield made.address
        ray.shutdown()
        made.shutdown()


def test_a_clusters_days_are_the_same(tmp_path, address):
    """Three seeds of a policy, in their order, request for request."""
    planned = planned_day(tmp_path, policies=["tracking"])
    carried = Carried(*planned.carried_per_s)
    (policy, *_) = candidates("tracking", planned.scenario, carried, planned.knobs)
    tasks = [(planned, policy, seed) for seed in (2, 3, 4)]
    here = spread(run_seed, tasks, requests=1.0)
    there = spread(run_seed, tasks, requests=1.0, ray_address=address)
    assert [one.outcome for one in there] == [one.outcome for one in here]
