"""The machine of a run that the suite makes is taken for a quiet one, and its short settings for long enough.

The tests themselves take the CPU that such a run would need, and whether a figure may be believed would depend on who
else is here: a recommended setting, its cost and their figures could not be tested. With this folder on PYTHONPATH every
process of a run takes nobody for a neighbour, its answers for independent, and two of them for enough. Made-up records and
a virtual clock test the rules.
"""

from dataclasses import replace

from blipkit.load import correlation, stability
from blipkit.machine import monitor

_usage_of = monitor.usage_of


def usage_of(samples, logical_cpus):
    """As measured, but for what others took."""
    usage = _usage_of(samples, logical_cpus)
    return replace(usage, neighbours_percent=0.0, steal_percent=0.0, disturbed="")


monitor.usage_of = usage_of
correlation.correlation_time = lambda values, removed=1: 1.0
stability.LEAST_EFFECTIVE = 2
