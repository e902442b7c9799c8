"""How a forked process keeps the memory that it frees."""

import contextlib
import ctypes

# glibc's mallopt: names, and the values at which a process that frees large tensors ends by itself
M_TRIM_THRESHOLD = -1, 64 * 2**20
M_MMAP_THRESHOLD = -3, 32 * 2**20


def settle_malloc() -> None:
    """Have glibc keep freed memory as a fresh process comes to do.

    A forked one has the server's heap, whose layout may make it give each large tensor back to the
    system, and fault every page of the next one in again: a fifth more time for BLIP-base's layers.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(*M_TRIM_THRESHOLD)
        mallopt(*M_MMAP_THRESHOLD)
