"""A policy as AWS's command line takes it: what to paste, with names of yours to fill in.

The warm-up stands once, with the group, and counts from launch to warm: an instance is InService as
soon as it runs. A group whose lifecycle hook keeps it out until its model is loaded takes that time
off.
"""

from typing import Any

from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import Fixed, GpuOverflow, Policy, Scheduled, TargetTracking
from blipkit.capacity.shapes import MINUTES

GROUP = "YOUR-GROUP"
LABEL = "app/YOUR-BALANCER/ID/targetgroup/YOUR-TARGETS/ID"
TARGET_GROUP = "targetgroup/YOUR-TARGETS/ID"
TIME_ZONE = "YOUR-AREA/YOUR-CITY"  # whose clock the day was planned by; without it, UTC


def policy_document(policy: Policy, rules: GroupRules, most: int) -> dict[str, Any]:
    """Command of `aws autoscaling` -> its --cli-input-json.

    most: machines that the simulated day took, and a zone's more. Yesterday's curve and GPU
    overflow have no command of their own: their target tracking has, and the rest is yours to run.
    """
    document = {"update-auto-scaling-group": group_document(policy, rules, most)}
    tracking = getattr(policy, "reactive", policy)
    if isinstance(tracking, TargetTracking):
        document["put-scaling-policy"] = _tracking(tracking)
    if isinstance(policy, Scheduled):
        document["batch-put-scheduled-update-group-action"] = _scheduled(policy, rules)
    return document


def group_document(policy: Policy, rules: GroupRules, most: int) -> dict[str, Any]:
    """The group's bounds, of the fleet's own kind alone, and its warm-up, s."""
    least = rules.least
    if isinstance(policy, Fixed):
        least = most = max(policy.machines, rules.least)
    if isinstance(policy, GpuOverflow):
        most = max(policy.base, rules.least)
    return {
        "AutoScalingGroupName": GROUP,
        "MinSize": least,
        "MaxSize": most,
        "DefaultInstanceWarmup": round(max(rules.warmup_s, rules.start_s)),
    }


def _tracking(policy: TargetTracking) -> dict[str, Any]:
    """TargetValue: requests per target per minute."""
    target = {"TargetValue": float(f"{policy.target:.6g}"), "DisableScaleIn": False}
    target.update(_metric(policy))
    return {
        "AutoScalingGroupName": GROUP,
        "PolicyName": "requests-per-target",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": target,
    }


def _metric(policy: TargetTracking) -> dict[str, Any]:
    """The balancer's own metric at 60 s; below, one that you publish, as the balancer's is not."""
    if policy.period_s == 60:
        kind = {"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": LABEL}
        return {"PredefinedMetricSpecification": kind}
    metric = {
        "Namespace": "YOUR-NAMESPACE",
        "MetricName": "RequestsPerTargetPerMinute",
        "Dimensions": [{"Name": "TargetGroup", "Value": TARGET_GROUP}],
    }
    query = {
        "Id": "requests",
        "MetricStat": {"Metric": metric, "Stat": "Average", "Period": policy.period_s},
        "ReturnData": True,
    }
    return {"CustomizedMetricSpecification": {"Metrics": [query]}}


def _scheduled(policy: Scheduled, rules: GroupRules) -> dict[str, Any]:
    """An action for each minute in which the plan changes, within the group's bounds, beyond which
    AWS refuses it.
    """
    plan = [rules.bounded((policy.wanted_at(60.0 * minute), 0))[0] for minute in range(MINUTES)]
    actions = []
    for minute, machines in enumerate(plan):
        if machines == plan[minute - 1]:
            continue
        hour, past = divmod(minute, 60)
        actions.append(
            {
                "ScheduledActionName": f"at-{hour:02}-{past:02}",
                "Recurrence": f"{past} {hour} * * *",
                "TimeZone": TIME_ZONE,
                "DesiredCapacity": machines,
            }
        )
    return {"AutoScalingGroupName": GROUP, "ScheduledUpdateGroupActions": actions}
