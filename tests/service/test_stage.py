"""What a stage says when one of its processes is gone; its processes are in test_switches."""

from types import SimpleNamespace

import pytest

from blipkit.errors import BlipkitError
from blipkit.service.running import listen, url_of
from blipkit.service.stage import Running, Stage, where_asked


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
    stage.tiers["gpu"] = Running(SimpleNamespace(has_ended=False), gone())
    assert "ConnectError" in stage.why_not_ready("gpu")
    with pytest.raises(BlipkitError, match="gpu was not ready after 0.1 s: ConnectError"):
        stage.wait_until_ready("gpu", 0.1)
    stage.client.close()


def test_a_child_that_ended_is_not_waited_for(tmp_path):
    """With what it printed, which says why; so is one that never says where it is asked."""
    ended = SimpleNamespace(has_ended=True, printed="MemoryError\n", kill=lambda: None)
    stage = Stage(tmp_path)
    stage.tiers["gpu"] = Running(ended, gone())
    with pytest.raises(BlipkitError, match="gpu ended before it was ready; it printed: MemoryErr"):
        stage.wait_until_ready("gpu")
    stage.client.close()
    with pytest.raises(BlipkitError, match="serve_api did not say where .*; it printed: Memory"):
        where_asked(ended, "serve_api")
    silent = SimpleNamespace(has_ended=False, printed="starts\nasked at http://a\n")
    assert where_asked(silent, "serve_api") == "http://a"
    silent.printed, silent.kill = "", lambda: None
    with pytest.raises(BlipkitError, match="it printed: nothing"):
        where_asked(silent, "serve_api", 0.1)


def test_a_stage_without_ledgers_has_no_lines(tmp_path):
    """A tier that never wrote one is no fault."""
    with Stage(tmp_path) as stage:
        assert stage.ledger("api", "gpu") == []
