"""What stands beside the instances, by hand, and what was not stated by its names."""

import pytest

from blipkit.capacity.beside import Traffic, beside
from blipkit.capacity.knobs import Capacity

TRAFFIC = Traffic(1e6, 40.0, 3.0, 2, 0.1)
RATES = {
    "balancer_usd_per_hour": 0.02,
    "balancer_usd_per_gb": 0.008,
    "cdn_usd_per_gb": 0.1,
    "logs_usd_per_gb": 0.5,
    "log_kb": 2.0,
    "disk_usd_per_gb_month": 0.08,
    "disk_gb": 100.0,
    "api_requests_per_s": 25.0,
}


def test_every_part_by_hand():
    """A million requests of 30 KB: 30 GB; two API machines for 40 a second, and as many spare."""
    rows = {
        row.what: row.usd_per_day for row in beside(Capacity(frame_kb=30.0, beside=RATES), TRAFFIC)
    }
    assert rows == pytest.approx(
        {
            "load balancer": 24 * 0.02 + 30 * 0.008,
            "CDN": 3.0,
            "logs": 1.0,
            "disks": 3 * 100 * 0.08 / (730 / 24),
            "API tier": 4 * 24 * 0.1,
        }
    )


def test_nothing_stated_is_nothing_known():
    """Each part names what it needs."""
    rows = beside(Capacity(), Traffic(1e6, 40.0, 3.0, 2, None))
    assert all(row.usd_per_day is None for row in rows)
    assert rows[-1].because == "not stated: api_requests_per_s, api_priced_as"
