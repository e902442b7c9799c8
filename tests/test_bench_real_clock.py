"""What the bench keeps of a server on the real clock."""

from bench_real_clock import batch_wait


def test_a_part_filled_batch_waits_no_less_than_it_is_told():
    """And far less than the 100 ms in which threads look anyway."""
    wait = batch_wait(wait_ms=2.0, requests=20)
    assert (
        wait.wait_ms == 2.0 and 0 < wait.over_p50_ms < 50 and wait.over_p99_ms >= wait.over_p50_ms
    )
