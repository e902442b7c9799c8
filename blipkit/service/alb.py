"""The weights of a listener rule of an Application Load Balancer, set with the checks that a switch
makes, and put back where an alarm goes off.

The shapes are those of boto3's elbv2 and cloudwatch clients.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from blipkit.errors import BadInput, BlipkitError, shown
from blipkit.service.switch import no_room

ARN = re.compile(
    r"arn:aws[a-z-]*:elasticloadbalancing:(?P<region>[a-z0-9-]+):\d{12}:listener-rule/app/.+"
)
INSTALL = "setting an ALB's weights needs boto3: pip install 'blipkit[aws]'"
LOOK_S = 10.0  # between two looks at the alarms


@dataclass(frozen=True)
class Group:
    """A target group of a rule. weight: 0-999, as ALB counts; healthy: targets that are."""

    arn: str
    name: str
    weight: int
    healthy: int


@dataclass(frozen=True)
class RuleState:
    """A rule as it is: its actions as AWS says them, and its target groups by the name that was
    asked for.
    """

    arn: str
    actions: Sequence[dict[str, Any]]
    groups: Mapping[str, Group]

    def weights(self) -> dict[str, int]:
        """Name -> weight."""
        return {name: group.weight for name, group in self.groups.items()}


@dataclass(frozen=True)
class Capacity:
    """What is asked of the whole rule, requests/s, and what one target of each group holds."""

    demand_per_s: float
    rated_per_s: Mapping[str, float]


class Alb:
    """What AWS is asked. elbv2, cloudwatch: boto3's clients."""

    def __init__(self, elbv2, cloudwatch):
        self.elbv2 = elbv2
        self.cloudwatch = cloudwatch

    def state(self, rule: str, names: Collection[str]) -> RuleState:
        """The rule as it is; BadInput where a name is that of none of its target groups, or of
        several.
        """
        with in_a_sentence("read the rule"):
            (described,) = self.elbv2.describe_rules(RuleArns=[rule])["Rules"]
            actions = described["Actions"]
            weights = weights_in(actions, rule)
            reply = self.elbv2.describe_target_groups(TargetGroupArns=list(weights))
            called = {
                one["TargetGroupArn"]: one["TargetGroupName"] for one in reply["TargetGroups"]
            }
            healthy = {arn: self._healthy(arn) for arn in weights}
        groups = {}
        for name in names:
            arn = group_of(name, called)
            groups[name] = Group(arn, called[arn], weights[arn], healthy[arn])
        _check_all_named(groups, called)
        return RuleState(rule, actions, groups)

    def _healthy(self, group: str) -> int:
        """How many targets of a group are healthy."""
        reply = self.elbv2.describe_target_health(TargetGroupArn=group)
        states = [one["TargetHealth"]["State"] for one in reply["TargetHealthDescriptions"]]
        return states.count("healthy")

    def set(self, state: RuleState, weights: Mapping[str, int]) -> None:
        """Set the weights of a rule's groups; all else of its actions stays."""
        by_arn = {state.groups[name].arn: weight for name, weight in weights.items()}
        with in_a_sentence("set the weights"):
            actions = with_weights(state.actions, by_arn)
            self.elbv2.modify_rule(RuleArn=state.arn, Actions=actions)

    def alarm_states(self, names: Sequence[str]) -> dict[str, str]:
        """Name -> OK, ALARM or INSUFFICIENT_DATA; BadInput for an alarm that is not there."""
        if not names:
            return {}
        with in_a_sentence("read the alarms"):
            reply = self.cloudwatch.describe_alarms(
                AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
        found = [*reply.get("MetricAlarms", ()), *reply.get("CompositeAlarms", ())]
        states = {one["AlarmName"]: one["StateValue"] for one in found}
        for name in names:
            if name not in states:
                raise BadInput(f"--alarm {shown(name)}: CloudWatch has none of that name here")
        return {name: states[name] for name in names}


def region_of(rule: str) -> str:
    """The region that a rule's ARN says; BadInput for what is no listener rule of an ALB."""
    found = ARN.fullmatch(rule)
    if not found:
        expected = "expected arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener-rule/app/..."
        raise BadInput(f"--alb {shown(rule)}; {expected}")
    return found["region"]


def connect(rule: str) -> Alb:
    """The clients for a rule, in its region; a BlipkitError in one sentence without boto3."""
    region = region_of(rule)
    try:
        import boto3
    except ImportError:
        raise BadInput(INSTALL) from None
    with in_a_sentence("connect"):
        elbv2 = boto3.client("elbv2", region_name=region)
        return Alb(elbv2, boto3.client("cloudwatch", region_name=region))


@contextmanager
def in_a_sentence(doing: str):
    """What AWS refuses, and missing credentials, as a BlipkitError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise BlipkitError(f"AWS did not {doing}: {error}; {_advice(str(error))}") from None


def _advice(said: str) -> str:
    """What to do about an error of AWS's, by the words that it has."""
    if "NotFound" in said:
        return "expected what is there: is it this ARN, in this account?"
    if "Throttling" in said or "Timeout" in said or "timeout" in said:
        return "expected a reply: try again in a minute"
    return "expected credentials (AWS_PROFILE, or a role) that may do it in that region"


def sticky_s(actions: Sequence[dict[str, Any]]) -> int:
    """For how long the rule keeps a caller at the group that it was sent to first, s; 0: it does
    not.
    """
    for action in actions:
        config = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {})
        if config.get("Enabled"):
            return config.get("DurationSeconds", 0)
    return 0


def weights_in(actions: Sequence[dict[str, Any]], rule: str) -> dict[str, int]:
    """Target group's ARN -> its weight; BadInput for a rule that does not forward to several."""
    forward = next((one for one in actions if one["Type"] == "forward"), {})
    groups = forward.get("ForwardConfig", {}).get("TargetGroups", [])
    if len(groups) < 2:
        seen = f"forwards to {len(groups)} target groups"
        raise BadInput(f"rule {rule} {seen}; expected a weighted rule of two or more")
    return {one["TargetGroupArn"]: one.get("Weight", 1) for one in groups}


def with_weights(
    actions: Sequence[dict[str, Any]], weights: Mapping[str, int]
) -> list[dict[str, Any]]:
    """The actions, those that forward with other weights."""
    changed = []
    for action in actions:
        if action["Type"] != "forward":
            changed.append(action)
            continue
        config = dict(action["ForwardConfig"])
        config["TargetGroups"] = [
            {"TargetGroupArn": arn, "Weight": weights[arn]}
            for arn in (one["TargetGroupArn"] for one in config["TargetGroups"])
        ]
        kept = {key: value for key, value in action.items() if key != "TargetGroupArn"}
        changed.append(dict(kept, ForwardConfig=config))
    return changed


def group_of(name: str, called: Mapping[str, str]) -> str:
    """The ARN of the group that a name means: its name, or one word of it, as gpu of cameras-gpu.

    called: ARN -> name.
    """
    same = [arn for arn, full in called.items() if full == name]
    found = same or [arn for arn, full in called.items() if name in full.split("-")]
    if len(found) != 1:
        several = "several" if found else "none"
        known = ", ".join(sorted(called.values()))
        raise BadInput(f"{shown(name)} names {several} of the rule's target groups: {known}")
    return found[0]


def _check_all_named(groups: Mapping[str, Group], called: Mapping[str, str]) -> None:
    """Refuse to leave a group's weight as it is by the way, or to set one twice."""
    arns = [group.arn for group in groups.values()]
    twice = len(arns) != len(set(arns))
    absent = [full for arn, full in called.items() if arn not in arns]
    if twice or absent:
        expected = f"expected each target group once: {', '.join(sorted(called.values()))}"
        raise BadInput(f"weights name {', '.join(groups)}; {expected}")


def check_step(state: RuleState, weights: Mapping[str, int], capacity: Capacity) -> None:
    """Refuse weights that would send traffic to nobody healthy, or to too few of them.

    Only a group whose share grows is held against its capacity: one that shrinks had more before.
    """
    before, total = sum(state.weights().values()), sum(weights.values())
    for name, weight in weights.items():
        group = state.groups[name]
        if not weight:
            continue
        if not group.healthy:
            raise BlipkitError(f"{group.name} has no healthy target; expected one: nothing was set")
        if before and weight * before <= group.weight * total:
            continue
        if name not in capacity.rated_per_s or not capacity.demand_per_s:
            expected = f"expected --rated {name}=REQUESTS_PER_S of one target, and --demand"
            raise BadInput(f"{name} gets more, and nobody says what it holds; {expected}")
        rated = group.healthy * capacity.rated_per_s[name]
        if problem := no_room(name, rated, weight / total * capacity.demand_per_s):
            raise BlipkitError(f"{problem}; {group.healthy} healthy targets: nothing was set")


def set_and_watch(
    alb: Alb,
    state: RuleState,
    weights: Mapping[str, int],
    alarms: Sequence[str],
    looks: int,
    wait: Callable[[float], None],
) -> list[str]:
    """Set the weights, look at the alarms so many times, and put the old weights back where one is
    on, or nobody looks any more: they cannot be read, or it is told to end.

    Returns the alarms that had no data at the last look. wait: sleeps for so many seconds.
    BlipkitError says that it went back, and why.
    """
    if on := _in_state("ALARM", alb.alarm_states(alarms)):
        raise BlipkitError(f"alarm {', '.join(on)} is on already; expected none: nothing was set")
    try:
        alb.set(state, weights)
        return _look_at(alb, state, alarms, looks, wait)
    except KeyboardInterrupt as told:
        why = " by ".join(filter(None, ("interrupted", str(told))))
        raise put_back(alb, state, why) from None


def _look_at(
    alb: Alb, state: RuleState, alarms: Sequence[str], looks: int, wait: Callable[[float], None]
) -> list[str]:
    """The same, once new weights are set; Ctrl-C is the caller's."""
    states: dict[str, str] = {}
    try:
        for _ in range(looks):
            wait(LOOK_S)
            states = alb.alarm_states(alarms)
            if on := _in_state("ALARM", states):
                raise BlipkitError(f"alarm {', '.join(on)} is on")
    except BlipkitError as error:
        raise put_back(alb, state, str(error)) from None
    return _in_state("INSUFFICIENT_DATA", states)


def _in_state(state: str, states: Mapping[str, str]) -> list[str]:
    """The alarms that are in a state."""
    return [name for name, one in states.items() if one == state]


def put_back(alb: Alb, state: RuleState, why: str) -> BlipkitError:
    """Set a rule's old weights; what to raise, which says whether they are set."""
    try:
        alb.set(state, state.weights())
    except BlipkitError as error:
        old = " ".join(f"{name}={weight}" for name, weight in state.weights().items())
        return BlipkitError(f"{why}; the old weights ({old}) are NOT set again: {error}")
    return BlipkitError(f"{why}: the old weights are set again")
