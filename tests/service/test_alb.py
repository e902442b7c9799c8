import sys

import pytest

from blipkit.errors import BadInput, BlipkitError
from blipkit.service.alb import (
    Alb,
    Capacity,
    check_step,
    connect,
    region_of,
    set_and_watch,
    sticky_s,
    with_weights,
)

boto3 = pytest.importorskip("boto3", reason="needs the extra aws")
from botocore.stub import Stubber  # noqa: E402

RULE = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/cams/1/2/3"
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cameras-{}/1"
GPU, INF2 = GROUP.format("gpu"), GROUP.format("inf2")
AUTHENTICATE = {"Type": "authenticate-oidc", "Order": 1}


def forward(gpu: int, inf2: int) -> dict:
    config = {
        "TargetGroups": [
            {"TargetGroupArn": GPU, "Weight": gpu},
            {"TargetGroupArn": INF2, "Weight": inf2},
        ],
        "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
    }
    return {"Type": "forward", "Order": 2, "ForwardConfig": config}


class Stubbed:
    """AWS as botocore's Stubber plays it: each call is answered in order, and held against what is expected."""

    def __init__(self):
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-west-1"}
        self.clients = boto3.client("elbv2", **keys), boto3.client("cloudwatch", **keys)
        self.elbv2, self.cloudwatch = (Stubber(client) for client in self.clients)
        self.alb = Alb(*self.clients)

    def rule(self, gpu=100, inf2=0, healthy=(2, 3), actions=None):
        actions = actions or [forward(gpu, inf2)]
        reply = {"Rules": [{"RuleArn": RULE, "Actions": actions}]}
        self.elbv2.add_response("describe_rules", reply, {"RuleArns": [RULE]})
        groups = [
            {"TargetGroupArn": arn, "TargetGroupName": arn.split("/")[1]} for arn in (GPU, INF2)
        ]
        self.elbv2.add_response(
            "describe_target_groups", {"TargetGroups": groups}, {"TargetGroupArns": [GPU, INF2]}
        )
        for arn, count in zip((GPU, INF2), healthy, strict=True):
            states = ["healthy"] * count + ["unhealthy", "draining", "initial"]
            targets = [
                {"Target": {"Id": f"i-{n}"}, "TargetHealth": {"State": state}}
                for n, state in enumerate(states)
            ]
            self.elbv2.add_response(
                "describe_target_health",
                {"TargetHealthDescriptions": targets},
                {"TargetGroupArn": arn},
            )

    def modified(self, gpu, inf2, *before):
        expected = {"RuleArn": RULE, "Actions": [*before, forward(gpu, inf2)]}
        self.elbv2.add_response("modify_rule", {"Rules": []}, expected)

    def alarms(self, **states):
        found = [{"AlarmName": name, "StateValue": state} for name, state in states.items()]
        expected = {"AlarmNames": ["p99", "5xx"], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        reply = {"MetricAlarms": found[:1], "CompositeAlarms": found[1:]}
        self.cloudwatch.add_response("describe_alarms", reply, expected)

    def __enter__(self):
        self.elbv2.activate()
        self.cloudwatch.activate()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.elbv2.assert_no_pending_responses()
            self.cloudwatch.assert_no_pending_responses()


OK = {"p99": "OK", "5xx": "INSUFFICIENT_DATA"}
NAMES = ("p99", "5xx")


def switch(aws: Stubbed, gpu=95, inf2=5, alarms=(), looks=0, wait=lambda seconds: None):
    """The alarms that had no data at the end."""
    state = aws.alb.state(RULE, ["gpu", "inf2"])
    return set_and_watch(aws.alb, state, {"gpu": gpu, "inf2": inf2}, alarms, looks, wait)


def test_the_rule_is_read_with_its_healthy_targets():
    """Weights and healthy targets by the names that people use; unhealthy ones do not count."""
    with Stubbed() as aws:
        aws.rule(100, 0)
        state = aws.alb.state(RULE, ["gpu", "cameras-inf2"])
    assert state.weights() == {"gpu": 100, "cameras-inf2": 0}
    assert [group.healthy for group in state.groups.values()] == [2, 3]


def test_weights_alone_are_changed():
    """Stickiness, order and other actions of the rule stay as they are."""
    with Stubbed() as aws:
        aws.rule(100, 0, actions=[AUTHENTICATE, forward(100, 0)])
        aws.modified(95, 5, AUTHENTICATE)
        switch(aws)


def test_a_rule_that_also_names_its_one_group_is_written_once():
    """AWS gives back TargetGroupArn beside ForwardConfig where it can; only one may be sent."""
    action = dict(forward(1, 0), TargetGroupArn=GPU)
    (changed,) = with_weights([action], {GPU: 5, INF2: 5})
    assert changed == forward(5, 5)


def test_an_alarm_puts_the_old_weights_back():
    """It is looked at every 10 s; the message says which one went off."""
    with Stubbed() as aws:
        aws.rule(90, 10)
        aws.alarms(**OK)
        aws.modified(50, 50)
        aws.alarms(**OK)
        aws.alarms(**{"p99": "ALARM", "5xx": "OK"})
        aws.modified(90, 10)
        with pytest.raises(BlipkitError, match="alarm p99 is on: the old weights are set again"):
            switch(aws, 50, 50, NAMES, looks=5)


def test_quiet_alarms_leave_the_new_weights():
    """After the time that they are looked at; one without data has said nothing, and is named."""
    waited = []
    with Stubbed() as aws:
        aws.rule(90, 10)
        for _ in range(4):
            aws.alarms(**OK)
        aws.modified(50, 50)
        # the first look comes before the weights are set
        assert switch(aws, 50, 50, NAMES, looks=3, wait=waited.append) == ["5xx"]
    assert waited == [10, 10, 10]


def test_who_stops_looking_has_the_old_weights_back():
    """Ctrl-C while the alarms are looked at: nobody would see what the new ones do."""

    def interrupt(seconds):
        raise KeyboardInterrupt

    with Stubbed() as aws:
        aws.rule(90, 10)
        aws.alarms(**OK)
        aws.modified(50, 50)
        aws.modified(90, 10)
        with pytest.raises(BlipkitError, match="interrupted.*: the old weights are set again"):
            switch(aws, 50, 50, NAMES, looks=5, wait=interrupt)


class Made:
    """A rule that keeps what is set."""

    def __init__(self):
        self.done = []

    def weights(self):
        return {"gpu": 90, "inf2": 10}

    def set(self, state, weights):
        self.done.append(weights)

    def alarm_states(self, names):
        return {}


def test_old_weights_are_set_again_where_it_is_told_to_end_as_the_new_ones_are_set():
    """Nobody knows whether AWS has them by then; who told it is said."""

    class Interrupted(Made):
        def set(self, state, weights):
            super().set(state, weights)
            if weights["gpu"] == 50:
                raise KeyboardInterrupt("SIGTERM")

    made = Interrupted()
    with pytest.raises(BlipkitError, match="interrupted by SIGTERM: the old weights are set again"):
        set_and_watch(made, made, {"gpu": 50, "inf2": 50}, [], 0, None)
    assert made.done == [{"gpu": 50, "inf2": 50}, {"gpu": 90, "inf2": 10}]


def test_old_weights_that_cannot_be_set_are_said_to_be_not():
    """With the alarm that is on, the weights to set by hand, and why they are not."""
    with Stubbed() as aws:
        aws.rule(90, 10)
        aws.alarms(**OK)
        aws.modified(50, 50)
        aws.alarms(**{"p99": "ALARM", "5xx": "OK"})
        aws.elbv2.add_client_error("modify_rule", "AccessDenied", "not for you")
        with pytest.raises(BlipkitError) as refused:
            switch(aws, 50, 50, NAMES, looks=1)
    said = str(refused.value)
    assert said.startswith("alarm p99 is on; the old weights (gpu=90 inf2=10) are NOT set again")
    assert "not for you" in said


def test_a_sticky_rule_is_known():
    """For how long it keeps a caller where it is; 0 where it does not."""
    assert sticky_s([AUTHENTICATE, forward(1, 1)]) == 60
    assert sticky_s([AUTHENTICATE, {"Type": "forward", "ForwardConfig": {}}]) == 0


def test_an_alarm_that_is_on_already_lets_nothing_be_set():
    """Whoever switches into an alarm could not tell what it did."""
    with Stubbed() as aws:
        aws.rule()
        aws.alarms(**{"p99": "ALARM", "5xx": "ALARM"})
        with pytest.raises(BlipkitError, match="alarm p99, 5xx is on already.*nothing was set"):
            switch(aws, alarms=NAMES, looks=1)


def test_alarms_that_cannot_be_read_any_more_put_the_old_weights_back():
    """Nobody would see what the new ones do."""
    with Stubbed() as aws:
        aws.rule(90, 10)
        aws.alarms(**OK)
        aws.modified(50, 50)
        aws.cloudwatch.add_client_error("describe_alarms", "AccessDenied")
        aws.modified(90, 10)
        with pytest.raises(
            BlipkitError, match="did not read the alarms.*old weights are set again"
        ):
            switch(aws, 50, 50, NAMES, looks=5)


def test_an_alarm_of_another_name_is_refused():
    """A typing error would watch nothing."""
    with Stubbed() as aws:
        aws.rule()
        aws.alarms(p99="OK")
        with pytest.raises(BadInput, match="--alarm '5xx': CloudWatch has none of that name"):
            switch(aws, alarms=NAMES, looks=1)


def state_of(**more):
    with Stubbed() as aws:
        aws.rule(**more)
        return aws.alb.state(RULE, ["gpu", "inf2"])


@pytest.mark.parametrize(
    ("weights", "capacity", "error", "said"),
    [
        ((95, 5), Capacity(100, {"inf2": 2.0}), None, ""),
        (
            (95, 5),
            Capacity(100, {"inf2": 1.9}),
            BlipkitError,
            "rated for 5.7 requests/s; expected 6",
        ),
        ((95, 5), Capacity(0, {}), BadInput, "inf2 gets more, and nobody says what it holds"),
        ((95, 5), Capacity(100, {"gpu": 50}), BadInput, "expected --rated inf2=REQUESTS_PER_S"),
        ((100, 0), Capacity(0, {}), None, ""),
    ],
)
def test_a_group_that_gets_more_has_to_hold_it(weights, capacity, error, said):
    """Healthy targets times what one holds, at least 1.2 times its share of what is asked."""
    given = dict(zip(("gpu", "inf2"), weights, strict=True))
    if error is None:
        check_step(state_of(), given, capacity)
        return
    with pytest.raises(error, match=said):
        check_step(state_of(), given, capacity)


def test_a_group_without_healthy_targets_gets_nothing():
    """Whatever it is rated for; not even what it has now."""
    with pytest.raises(BlipkitError, match="cameras-inf2 has no healthy target.*nothing was set"):
        check_step(state_of(healthy=(2, 0)), {"gpu": 95, "inf2": 5}, Capacity(1, {"inf2": 99}))
    check_step(state_of(healthy=(2, 0)), {"gpu": 100, "inf2": 0}, Capacity(1, {}))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["gpu", "neuron"],
            "'neuron' names none of the rule's target groups: cameras-gpu, cameras",
        ),
        (["gpu", "cameras"], "'cameras' names several"),
        (["gpu", "cameras-gpu"], "expected each target group once: cameras-gpu, cameras-inf2"),
        (["gpu"], "weights name gpu; expected each target group once"),
    ],
)
def test_names_have_to_be_those_of_the_groups(names, said):
    """Each once, none left out."""
    with Stubbed() as aws:
        aws.rule()
        with pytest.raises(BadInput, match=said):
            aws.alb.state(RULE, names)


def test_a_rule_without_weights_is_refused():
    """One that forwards to a single group has nothing to set."""
    with Stubbed() as aws:
        single = {"Type": "forward", "TargetGroupArn": GPU}
        reply = {"Rules": [{"RuleArn": RULE, "Actions": [single]}]}
        aws.elbv2.add_response("describe_rules", reply, {"RuleArns": [RULE]})
        with pytest.raises(BadInput, match="forwards to 0 target groups; expected a weighted rule"):
            aws.alb.state(RULE, ["gpu", "inf2"])


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDenied", "expected credentials"),
        ("RuleNotFound", "is it this ARN, in this account"),
        ("Throttling", "try again in a minute"),
    ],
)
def test_what_aws_refuses_is_one_sentence(code, advice):
    """And what to do about it."""
    with Stubbed() as aws:
        aws.elbv2.add_client_error("describe_rules", code, "not for you")
        with pytest.raises(BlipkitError, match=f"did not read the rule.*not for you.*{advice}"):
            aws.alb.state(RULE, ["gpu", "inf2"])


def test_without_credentials_it_is_one_sentence(monkeypatch, tmp_path):
    """Nothing is asked of a network: botocore finds none and says so."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    boto3.setup_default_session()
    with pytest.raises(
        BlipkitError, match="AWS did not read the rule: Unable to locate credentials"
    ):
        connect(RULE).state(RULE, ["gpu", "inf2"])


@pytest.mark.parametrize(
    "rule", ["", "gpu", RULE.replace("listener-rule", "listener"), RULE.replace("/app/", "/net/")]
)
def test_what_is_no_rule_is_refused(rule):
    """With how its ARN looks; the region is the ARN's."""
    assert region_of(RULE) == "eu-west-1"
    with pytest.raises(BadInput, match="--alb .*; expected arn:aws:elasticloadbalancing:REGION"):
        region_of(rule)


def test_without_boto3_it_says_what_to_install(monkeypatch):
    """Bad input, before anything is asked."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(BadInput, match="needs boto3: pip install 'blipkit\\[aws\\]'"):
        connect(RULE)
