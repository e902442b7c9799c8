"""A policy as AWS's command line takes it: what to paste, with names of yours to fill in."""

from typing import Any

from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import Fixed, Policy, Scheduled, TargetTracking

GROUP = "YOUR-GROUP"
LABEL = "app/YOUR-BALANCER/ID/targetgroup/YOUR-TARGETS/ID"
TARGET_GROUP = "targetgroup/YOUR-TARGETS/ID"


def policy_document(policy: Policy, rules: GroupRules, most: int) -> dict[str, Any]:
    """Command of `aws autoscaling` -> its --cli-input-json.

    most: machines that the simulated day took, and a zone's more. Yesterday's curve and GPU
    overflow have no command of their own: their target tracking has, and the rest is yours to run.
    """
    document = {"update-auto-scaling-group": group_document(policy, rules, most)}
    tracking = getattr(policy, "reactive", policy)
    if isinstance(tracking, TargetTracking):
        document["put-scaling-policy"] = _tracking(tracking, rules)
    if isinstance(policy, Scheduled):
        document["batch-put-scheduled-update-group-action"] = _scheduled(policy)
    return document


def group_document(policy: Policy, rules: GroupRules, most: int) -> dict[str, Any]:
    """The group's bounds; its warm-up is the time until a machine serves."""
    least = rules.least
    if isinstance(policy, Fixed):
        least = most = max(policy.machines, rules.least)
    return {
        "AutoScalingGroupName": GROUP,
        "MinSize": least,
        "MaxSize": most,
        "DefaultInstanceWarmup": round(max(0.0, rules.warmup_s - rules.start_s)),
    }


def _tracking(policy: TargetTracking, rules: GroupRules) -> dict[str, Any]:
    """TargetValue: requests per target per minute."""
    target = {"TargetValue": round(policy.target, 1), "DisableScaleIn": False}
    target.update(_metric(policy))
    return {
        "AutoScalingGroupName": GROUP,
        "PolicyName": "requests-per-target",
        "PolicyType": "TargetTrackingScaling",
        "EstimatedInstanceWarmup": round(max(rules.warmup_s, rules.start_s)),
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


def _scheduled(policy: Scheduled) -> dict[str, Any]:
    """An action for each hour in which the plan changes, as early as a machine takes to start."""
    actions = []
    for hour, machines in enumerate(policy.hours):
        before = policy.hours[hour - 1]
        if machines == before:
            continue
        lead_s = policy.lead_s if machines > before else 0.0
        minutes = (hour * 60 - round(lead_s / 60)) % 1440
        actions.append(
            {
                "ScheduledActionName": f"hour-{hour:02}",
                "Recurrence": f"{minutes % 60} {minutes // 60} * * *",
                "DesiredCapacity": machines,
            }
        )
    return {"AutoScalingGroupName": GROUP, "ScheduledUpdateGroupActions": actions}
