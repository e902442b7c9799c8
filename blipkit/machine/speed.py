"""How fast this machine multiplies matrices: one figure to hold later times against."""

import time

SIDE = 1024  # of the square matrices that are multiplied
TIMES = 10  # products in one measurement


def matmul_gflops(threads: int) -> float:
    """10^9 float32 operations a second, in products of SIDE x SIDE matrices on torch's threads."""
    import torch

    torch.set_num_threads(threads)
    a = torch.randn(SIDE, SIDE)
    _ = a @ a  # left out of the time: it pays for starting threads
    start = time.perf_counter()
    for _ in range(TIMES):
        a @ a
    seconds = time.perf_counter() - start
    return TIMES * 2 * SIDE**3 / seconds / 1e9
