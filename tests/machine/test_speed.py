from types import SimpleNamespace

from blipkit.machine import speed


def test_the_rate_counts_two_operations_a_multiplication_of_every_timed_product(monkeypatch):
    """With a clock that says one second, it is 10^-9 of them; the first product is not among those timed."""
    told = iter([10.0, 11.0])
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: next(told)))
    assert speed.matmul_gflops(threads=1) == speed.TIMES * 2 * speed.SIDE**3 / 1e9


def test_a_machine_multiplies_at_some_rate():
    """Any processor that runs this does more than a hundred million operations a second."""
    assert speed.matmul_gflops(threads=1) > 0.1
