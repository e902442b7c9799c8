"""How many independent figures a run of figures is worth, where neighbours resemble each other.

Nothing but numpy is imported: clients, whose process starts fast, come by here.
"""

import numpy as np


def effective_size(values, removed: int = 1) -> float:
    """How many independent values would say as much about the mean; at most as many as there are.

    values: in the order in which they came; removed: how many figures were fitted to them and taken
    off, the mean among them.
    """
    if not len(values):
        return 0.0
    return len(values) / correlation_time(values, removed)


def correlation_time(values, removed: int = 1) -> float:
    """How many neighbours say as much as one independent value; 1 where none resembles another.

    One and twice the sum of the autocorrelations, as far as pairs of them are above zero and do not
    grow: Geyer's initial monotone sequence, Statistical Science 7(4), 1992. What was `removed`
    takes so many times the mean's variance from each autocovariance, which is given back first.
    """
    correlations = autocorrelations(values)
    n = len(correlations)
    if n < 4:
        return 1.0
    lost = min(removed * _summed(correlations) / n, 0.5)
    return _summed((correlations + lost) / (1 + lost))


def autocorrelations(values) -> np.ndarray:
    """The correlation of values with those 0, 1, 2 ... places on; none where all are the same."""
    values = np.asarray(values, dtype=float)
    centred = values - values.mean()
    n = len(values)
    power = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    covariances = np.fft.irfft(power)[:n]
    # what rounding leaves of equal values is no variance
    if covariances[0] <= 1e-20 * np.square(values).sum():
        return np.empty(0)
    return covariances / covariances[0]


def _summed(correlations: np.ndarray) -> float:
    """The correlation time of autocorrelations, by pairs of them."""
    even = correlations[0:-1:2]
    odd = correlations[1::2]
    pairs = even[: len(odd)] + odd
    above = np.logical_and.accumulate(pairs > 0)
    falling = np.minimum.accumulate(pairs)
    return max(2 * float(falling[above].sum()) - 1, 1.0)
