"""Waiting for connections exactly as long as asked; epoll alone rounds up to a whole ms."""

import select
import selectors

MOST_DESCRIPTORS = 1024  # select(2) takes none beyond


def wait_exactly(selector: selectors.BaseSelector, timeout_s: float) -> list[tuple]:
    """What `selector.select` returns, the connections with something to read as soon as one is, or
    none after so many seconds, to the microsecond. It takes one call of the system more.
    """
    descriptor = _descriptor_of(selector)
    if timeout_s > 0 and 0 <= descriptor < MOST_DESCRIPTORS:
        # a selector of the system's is a file itself, readable when any of its connections is
        select.select([descriptor], [], [], timeout_s)
        timeout_s = 0
    return selector.select(timeout_s)


def _descriptor_of(selector: selectors.BaseSelector) -> int:
    """The selector's own file descriptor; -1 where it has none."""
    fileno = getattr(selector, "fileno", None)
    if fileno is None:
        return -1
    return fileno()
