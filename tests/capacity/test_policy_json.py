"""What can be pasted: the fields that AWS's command line takes, in its units."""

import json

from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import (
    Fixed,
    Scheduled,
    TargetTracking,
    YesterdaysCurve,
    high_resolution,
)
from blipkit.capacity.policy_json import policy_document

RULES = GroupRules(zones=3, min_per_zone=2, start_s=240.0, warmup_s=300.0)


def test_target_tracking_has_its_target_per_minute():
    """On the balancer's own metric, with warm-up, minimum and maximum."""
    document = policy_document(TargetTracking(5592.04), RULES, 12)
    group, policy = document["update-auto-scaling-group"], document["put-scaling-policy"]
    assert (group["MinSize"], group["MaxSize"], group["DefaultInstanceWarmup"]) == (6, 12, 60)
    assert policy["EstimatedInstanceWarmup"] == 300
    target = policy["TargetTrackingConfiguration"]
    assert target["TargetValue"] == 5592.0 and target["DisableScaleIn"] is False
    kind = target["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert kind == "ALBRequestCountPerTarget"
    assert json.loads(json.dumps(document)) == document


def test_at_ten_seconds_the_metric_is_yours():
    """The balancer publishes every minute; a custom metric has its period."""
    document = policy_document(high_resolution(100.0), RULES, 12)
    target = document["put-scaling-policy"]["TargetTrackingConfiguration"]
    (query,) = target["CustomizedMetricSpecification"]["Metrics"]
    assert query["MetricStat"]["Period"] == 10


def test_a_fixed_fleet_has_no_policy_but_its_bounds():
    """As many at least as at most."""
    document = policy_document(Fixed(9), RULES, 12)
    assert list(document) == ["update-auto-scaling-group"]
    group = document["update-auto-scaling-group"]
    assert group["MinSize"] == group["MaxSize"] == 9


def test_a_plan_is_a_list_of_times():
    """Only where it changes; earlier by the start on the way up."""
    hours = (2,) * 8 + (5,) * 12 + (2,) * 4
    document = policy_document(Scheduled(hours, lead_s=240.0), RULES, 12)
    actions = document["batch-put-scheduled-update-group-action"]["ScheduledUpdateGroupActions"]
    assert [(one["Recurrence"], one["DesiredCapacity"]) for one in actions] == [
        ("56 7 * * *", 5),
        ("0 20 * * *", 2),
    ]


def test_yesterdays_curve_pastes_its_reactive_part():
    """The curve itself has no command of AWS's."""
    policy = YesterdaysCurve((1.0,) * 24, TargetTracking(100.0), 240.0)
    assert "put-scaling-policy" in policy_document(policy, RULES, 12)
