"""What a stage says when one of its processes is gone; its processes are in test_switches."""

from types import SimpleNamespace

import pytest

from blipkit.errors import BlipkitError
from blipkit.service.running import listen, url_of
from blipkit.service.stage import Running, Stage


def gone() -> str:
    """Where nobody listens any more."""
    with listen(0) as listening:
        return url_of(listening)


def test_an_api_tier_that_is_gone_is_said_with_what_it_printed(tmp_path):
    """Not a stack of the client's, whose reader looks for the cause elsewhere."""
    stage = Stage(tmp_path)
    stage.tiers["api"] = Running(SimpleNamespace(printed="asked at ...\nMemoryError\n"), gone())
    for ask in (lambda: stage.route({"gpu": 100}), lambda: stage.wait_until_routed("gpu")):
        with pytest.raises(
            BlipkitError, match="the API tier: .*refused.*; it printed: .*\n.*MemoryError"
        ):
            ask()
    stage.client.close()


def test_a_tier_that_is_gone_is_not_ready(tmp_path):
    """With the reason; waiting for it ends."""
    stage = Stage(tmp_path)
    stage.tiers["gpu"] = Running(None, gone())
    assert "ConnectError" in stage.why_not_ready("gpu")
    with pytest.raises(BlipkitError, match="gpu was not ready after 0.1 s: ConnectError"):
        stage.wait_until_ready("gpu", 0.1)
    stage.client.close()


def test_a_stage_without_ledgers_has_no_lines(tmp_path):
    """A tier that never wrote one is no fault."""
    with Stage(tmp_path) as stage:
        assert stage.ledger("api", "gpu") == []
