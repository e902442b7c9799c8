"""What can be pasted: the fields that AWS's command line takes, in its units."""

import json

import pytest

from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import (
    Fixed,
    GpuOverflow,
    Scheduled,
    TargetTracking,
    YesterdaysCurve,
    high_resolution,
)
from blipkit.capacity.policy_json import policy_document

RULES = GroupRules(zones=3, min_per_zone=2, start_s=240.0, warmup_s=300.0)


def test_target_tracking_has_its_target_per_minute():
    """On the balancer's own metric, with minimum and maximum, and one warm-up, from launch to warm."""
    document = policy_document(TargetTracking(5592.041), RULES, 12)
    group, policy = document["update-auto-scaling-group"], document["put-scaling-policy"]
    assert (group["MinSize"], group["MaxSize"], group["DefaultInstanceWarmup"]) == (6, 12, 300)
    assert "EstimatedInstanceWarmup" not in policy
    target = policy["TargetTrackingConfiguration"]
    assert target["TargetValue"] == 5592.04 and target["DisableScaleIn"] is False
    kind = target["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert kind == "ALBRequestCountPerTarget"
    assert json.loads(json.dumps(document)) == document


def test_a_target_of_less_than_one_a_minute_is_none_of_zero():
    """A machine that takes a minute and a half for a request."""
    document = policy_document(TargetTracking(0.04), RULES, 12)
    assert document["put-scaling-policy"]["TargetTrackingConfiguration"]["TargetValue"] == 0.04


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


def actions_of(policy: Scheduled, rules: GroupRules = RULES) -> list[dict]:
    document = policy_document(policy, rules, 12)
    return document["batch-put-scheduled-update-group-action"]["ScheduledUpdateGroupActions"]


def test_a_plan_is_a_list_of_times():
    """Only where it changes; earlier by the start on the way up; in a time zone that is named."""
    actions = actions_of(Scheduled((6,) * 8 + (9,) * 12 + (6,) * 4, lead_s=240.0))
    assert [(one["Recurrence"], one["DesiredCapacity"]) for one in actions] == [
        ("56 7 * * *", 9),
        ("0 20 * * *", 6),
    ]
    assert {one["TimeZone"] for one in actions} == {"YOUR-AREA/YOUR-CITY"}


def test_a_plan_never_asks_for_what_the_group_refuses():
    """Six at least, whatever the night takes: it changes where that is exceeded alone."""
    actions = actions_of(Scheduled((1,) * 8 + (9,) * 12 + (2,) * 4))
    assert [one["DesiredCapacity"] for one in actions] == [9, 6]


@pytest.mark.parametrize("lead_s", [90.0, 3600.0, 7200.0])
def test_a_plan_is_pasted_as_it_is_simulated(lead_s):
    """No two actions at one minute, and between them what the simulated policy wants."""
    policy = Scheduled(tuple(6 + 3 * (hour % 3) for hour in range(24)), lead_s)
    actions = actions_of(policy)
    at = []
    for action in actions:
        minute, hour, *_ = action["Recurrence"].split()
        at.append(60 * int(hour) + int(minute))
    assert at == sorted(set(at))
    wanted = actions[-1]["DesiredCapacity"] if actions else policy.wanted_at(0.0)
    changes = dict(zip(at, (one["DesiredCapacity"] for one in actions), strict=True))
    for minute in range(1440):
        wanted = changes.get(minute, wanted)
        assert wanted == policy.wanted_at(60.0 * minute)


def test_an_overflows_group_ends_at_its_base():
    """What is beyond is another group's."""
    document = policy_document(GpuOverflow(7, TargetTracking(100.0)), RULES, 12)
    assert document["update-auto-scaling-group"]["MaxSize"] == 7


OPERATIONS = {
    "update-auto-scaling-group": "UpdateAutoScalingGroup",
    "put-scaling-policy": "PutScalingPolicy",
    "batch-put-scheduled-update-group-action": "BatchPutScheduledUpdateGroupAction",
}


@pytest.mark.parametrize(
    "policy",
    [Fixed(9), TargetTracking(100.0), high_resolution(100.0), Scheduled((6,) * 12 + (9,) * 12)],
)
def test_every_document_is_what_awss_own_description_takes(policy):
    """Names and types of each field, by the model that AWS's command line goes by."""
    session = pytest.importorskip("botocore.session", reason="needs the extra aws")
    from botocore.validate import ParamValidator

    model = session.get_session().get_service_model("autoscaling")
    for command, fields in policy_document(policy, RULES, 12).items():
        shape = model.operation_model(OPERATIONS[command]).input_shape
        problems = ParamValidator().validate(fields, shape)
        assert not problems.has_errors(), problems.generate_report()
        assert set(fields) <= set(shape.members)


def test_yesterdays_curve_pastes_its_reactive_part():
    """The curve itself has no command of AWS's."""
    policy = YesterdaysCurve((1.0,) * 24, TargetTracking(100.0), 240.0)
    assert "put-scaling-policy" in policy_document(policy, RULES, 12)
