"""deploy/cloudformation.yaml, which nobody has deployed: what can be held against it without AWS."""

import hashlib
import json
import os
import re
import subprocess
import tarfile
import tomllib

import pytest
import yaml

from blipkit.paths import ROOT
from blipkit.service.live_flips import begin_counts
from blipkit.service.metrics import Meter
from blipkit.service.panels import alarms

TEMPLATE = ROOT / "deploy/cloudformation.yaml"
REFRESH = json.loads((ROOT / "deploy/instance-refresh.json").read_text())
STACK = "cameras"


class Loader(yaml.SafeLoader):
    """CloudFormation's short forms as lists of their name and what they are given."""


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return [suffix, loader.construct_scalar(node)]
    return [suffix, loader.construct_sequence(node, deep=True)]


Loader.add_multi_constructor("!", short_form)


def test_a_container_that_serves_can_be_built(template):
    """The Dockerfile takes an extra, and the template says which one `serve` and `api` need."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    built = (ROOT / "Dockerfile").read_text()
    assert "\nARG EXTRAS=\n" in built and '-e ".${EXTRAS:+[$EXTRAS]}"' in built
    named = re.findall(
        r"EXTRAS=(\w+)", built + template["Parameters"]["Inf2Container"]["Description"]
    )
    assert named == ["service", "service"] and "service" in extras


@pytest.fixture(scope="module")
def template() -> dict:
    return yaml.load(TEMPLATE.read_text(), Loader)


def of_type(template, kind) -> dict[str, dict]:
    """Name -> properties of the resources of a type."""
    found = template["Resources"].items()
    return {name: one["Properties"] for name, one in found if one["Type"] == f"AWS::{kind}"}


def test_cfn_lint_has_nothing_to_say():
    """Neither errors nor warnings, in two regions."""
    api = pytest.importorskip("cfnlint.api", reason="needs cfn-lint: pip install -e '.[dev]'")
    found = api.lint(TEMPLATE.read_text(), regions=["us-east-1", "eu-west-1"])
    assert [str(one) for one in found] == []


@pytest.mark.slow
def test_cfn_lint_would_say_something():
    """A template with a property that is none is found out."""
    api = pytest.importorskip("cfnlint.api", reason="needs cfn-lint: pip install -e '.[dev]'")
    spoilt = TEMPLATE.read_text().replace("HealthCheckPath:", "HealthPath:", 1)
    assert "HealthPath" in str(api.lint(spoilt, regions=["us-east-1"]))


def test_there_are_three_groups_behind_one_balancer(template):
    """API, GPU and Inf2, each with a target group, scaled on the requests that a target gets; the balancer is internal."""
    groups = of_type(template, "AutoScaling::AutoScalingGroup")
    assert list(groups) == ["ApiMachines", "GpuMachines", "Inf2Machines"]
    (balancer,) = of_type(template, "ElasticLoadBalancingV2::LoadBalancer").values()
    assert balancer["Scheme"] == "internal"
    policies = of_type(template, "AutoScaling::ScalingPolicy")
    followed = {one["AutoScalingGroupName"][1] for one in policies.values()}
    assert followed == set(groups)
    for policy in policies.values():
        tracked = policy["TargetTrackingConfiguration"]["PredefinedMetricSpecification"]
        assert tracked["PredefinedMetricType"] == "ALBRequestCountPerTarget"
    (rule,) = of_type(template, "ElasticLoadBalancingV2::ListenerRule").values()
    weights = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert [one["Weight"] for one in weights] == [100, 0]


def test_a_refresh_can_go_back(template):
    """Versions are numbers, images and containers literal ids without a default: nothing moves under a group."""
    assert type(template["Metadata"]["TemplateVersion"]) is int
    groups = of_type(template, "AutoScaling::AutoScalingGroup")
    parameters = template["Parameters"]
    for group in groups.values():
        version = parameters[group["LaunchTemplate"]["Version"][1]]
        assert version["Default"] == "1" and not re.fullmatch(version["AllowedPattern"], "$Latest")
        (hook,) = group["LifecycleHookSpecificationList"]
        assert hook["LifecycleHookName"] == "ready" and hook["DefaultResult"] == "ABANDON"
        assert group["HealthCheckType"] == "ELB"
    for name in ("Api", "Gpu", "Inf2"):
        image, container = parameters[f"{name}Image"], parameters[f"{name}Container"]
        assert "Default" not in image and "Default" not in container
        assert re.fullmatch(image["AllowedPattern"], "ami-0123456789abcdef0")
        assert not re.fullmatch(image["AllowedPattern"], "resolve:ssm:/aws/service/neuron/latest")
        assert not re.fullmatch(container["AllowedPattern"], "blipkit:latest")
    assert not re.search("resolve:ssm|:latest|aws/service", TEMPLATE.read_text())


def test_an_instance_refresh_is_one_that_aws_takes(template):
    """By boto3's own model; it goes back by itself, on the template's alarms, and watches them after the last machine."""
    boto3 = pytest.importorskip("boto3", reason="needs the extra aws")
    from botocore.validate import ParamValidator

    client = boto3.client("autoscaling", region_name="us-east-1")
    shape = client.meta.service_model.operation_model("StartInstanceRefresh").input_shape
    assert not ParamValidator().validate(REFRESH, shape).has_errors()
    preferences = REFRESH["Preferences"]
    assert preferences["AutoRollback"] is True and preferences["BakeTime"] >= 600
    assert re.fullmatch(r"[1-9]\d*", REFRESH["DesiredConfiguration"]["LaunchTemplate"]["Version"])
    known = {
        one["AlarmName"][1].replace("${AWS::StackName}", "STACK")
        for one in of_type(template, "CloudWatch::Alarm").values()
    }
    assert set(preferences["AlarmSpecification"]["Alarms"]) == known


def test_the_alarms_are_those_of_the_dashboard(template):
    """By name, statistic, threshold and for how long; machines that are not healthy are the load balancer's to count."""
    found = {
        one["AlarmName"][1].removeprefix("${AWS::StackName}-"): one
        for one in of_type(template, "CloudWatch::Alarm").values()
    }
    said = {one.name: one for one in alarms(template["Parameters"]["TargetMs"]["Default"])}
    assert set(found) == set(said)
    for name, one in found.items():
        alarm = said[name]
        assert one["EvaluationPeriods"] == alarm.periods
        if name.startswith("unready-"):
            assert one["MetricName"] == "UnHealthyHostCount"
            continue
        assert one["ComparisonOperator"] == "GreaterThanThreshold" and alarm.above
        assert one["AlarmDescription"] == alarm.why
        threshold = one["Threshold"]
        if isinstance(threshold, list):
            threshold = template["Parameters"][threshold[1]]["Default"]
        assert threshold == alarm.threshold
        if alarm.over:
            metrics = {part["Id"]: part for part in one["Metrics"]}
            names = [
                metrics[key]["MetricStat"]["Metric"]["MetricName"] for key in ("flips", "answers")
            ]
            assert names == [alarm.metric, alarm.over]
        else:
            assert one["MetricName"] == alarm.metric
            assert one.get("Statistic", one.get("ExtendedStatistic")) == alarm.statistic


FAKES = {
    "aws": 'echo "aws $*" >> "$SEEN"\n[ "$1" = s3 ] && cp "$FAKE/artifacts.tar" "$5"\nexit 0',
    "docker": 'echo "docker $*" >> "$SEEN"',
    "sleep": "",
    "curl": """case "$*" in
  *api/token*) echo token ;;
  *instance-id*) echo i-1 ;;
  *readyz*) echo "curl readyz" >> "$SEEN"; printf %s "$READY" ;;
  *) echo "curl answers" >> "$SEEN"
     [ "$TEXTS" = same ] && echo '{"answers": [{"text": "yes"}]}' || echo "{\\"answers\\": [{\\"text\\": \\"$RANDOM\\"}]}" ;;
esac""",
}


@pytest.fixture
def boot(template, tmp_path):
    """boot(group, ...): a machine's user data, run with made-up commands; what it did, line by line."""
    fake = tmp_path / "fake"
    fake.mkdir()
    for name, text in FAKES.items():
        (fake / name).write_text(f"#!/bin/bash\n{text}\n")
        (fake / name).chmod(0o755)
    (tmp_path / "probe.jpg").write_bytes(b"\xff\xd8\xff")
    with tarfile.open(fake / "artifacts.tar", "w") as file:
        file.add(tmp_path / "probe.jpg", "probe.jpg")
        file.add(ROOT / "deploy/boot.sh", "boot.sh")
    digest = hashlib.sha256((fake / "artifacts.tar").read_bytes()).hexdigest()

    def run(group, sha256=digest, ready="200", texts="same"):
        values = {"AWS::Region": "us-east-1", "AWS::StackName": STACK, "Logs": "/blipkit/cameras"}
        values |= {"ArtifactBucket": "bucket", f"{group}ArtifactKey": "a.tar"}
        values |= {f"{group}ArtifactSha256": sha256, "Balancer.DNSName": "balancer"}
        values[f"{group}Container"] = "1.dkr.ecr/blipkit@sha256:00"
        data = template["Resources"][f"{group}Template"]["Properties"]["LaunchTemplateData"]
        text = data["UserData"]["Fn::Base64"][1]
        text = re.sub(r"\$\{([A-Za-z][\w:.]*)\}", lambda found: values[found[1]], text)
        text = text.replace("${!", "${").replace("/var/lib/blipkit", str(tmp_path / "work"))
        seen = tmp_path / "seen"
        environment = dict(
            os.environ, PATH=f"{fake}:{os.environ['PATH']}", SEEN=str(seen), FAKE=str(fake)
        )
        environment |= {"READY": ready, "TEXTS": texts, "LOOKS": "3", "LOOK_S": "0"}
        done = subprocess.run(
            ["bash", "-c", text], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        return done, seen.read_text().splitlines()

    return run


def results_of(seen) -> list[str]:
    """What a machine said of itself to its group."""
    said = [line for line in seen if "complete-lifecycle-action" in line]
    return [line.rpartition(" ")[2] for line in said]


@pytest.mark.parametrize("group", ["Gpu", "Inf2"])
def test_a_machine_says_that_it_is_ready_once_it_answered_twice(boot, group):
    """Artifacts by their key, verified; the container by its digest; ready; two calls; and then it goes on."""
    done, seen = boot(group)
    assert done.returncode == 0, done.stderr
    assert results_of(seen) == ["CONTINUE"] and seen.count("curl answers") == 2
    assert f"--auto-scaling-group-name {STACK}-{group.lower()} " in seen[-1]
    assert seen[0] == "aws s3 cp --no-progress s3://bucket/a.tar artifacts.tar"
    (started,) = [line for line in seen if line.startswith("docker run")]
    device = {"Gpu": "--gpus all", "Inf2": "--device=/dev/neuron0 --shm-size=2g"}[group]
    assert device in started and "awslogs-format=json/emf" in started
    assert "1.dkr.ecr/blipkit@sha256:00 serve /data/profile.yaml" in started


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"sha256": "0" * 64}, "did NOT match"),
        ({"ready": "503"}, "/readyz is 503 after 3 looks; expected 200"),
        ({"ready": "000"}, "/readyz is 000"),
        ({"texts": "other"}, "the second call answered"),
    ],
)
def test_a_machine_that_is_not_right_is_given_up(boot, spoilt, said):
    """Another artifact, a tier that never becomes ready, or one that answers otherwise the second time."""
    done, seen = boot("Inf2", **spoilt)
    assert done.returncode == 1 and said in done.stderr
    assert results_of(seen) == ["ABANDON"]
    if "sha256" in spoilt:
        assert not any(line.startswith("docker") for line in seen)


@pytest.mark.parametrize(("ready", "said"), [("200", "CONTINUE"), ("503", "ABANDON")])
def test_the_api_tier_is_ready_or_given_up(boot, ready, said):
    """It asks the load balancer, whose rule has the weights, and sends copies to Inf2 alone."""
    _, seen = boot("Api", ready=ready)
    assert results_of(seen) == [said]
    said = "\n".join(seen)
    assert "api --backend inference=http://balancer:8001" in said
    assert "--backend inf2=http://balancer:8002 --shadow inf2" in said


def test_copies_reach_inf2_whatever_the_weights_are(template):
    """By a listener of its own, which the API group alone may reach."""
    listeners = of_type(template, "ElasticLoadBalancingV2::Listener")
    (action,) = listeners["ShadowListener"]["DefaultActions"]
    assert action["TargetGroupArn"] == ["Ref", "Inf2Targets"]
    opened = [
        one["SourceSecurityGroupId"]
        for one in of_type(template, "EC2::SecurityGroupIngress").values()
        if one["FromPort"] == listeners["ShadowListener"]["Port"]
    ]
    assert opened == [["GetAtt", "ApiGroup.GroupId"]]


def test_an_outage_of_the_inference_tier_ends_no_machine_of_the_api_tier(template):
    """A backend's health is no reason to give a machine of the API group up: it is asked whether it lives; the others, whether they are ready."""
    groups = of_type(template, "ElasticLoadBalancingV2::TargetGroup")
    paths = {name: one["HealthCheckPath"] for name, one in groups.items()}
    assert paths == {"ApiTargets": "/livez", "GpuTargets": "/readyz", "Inf2Targets": "/readyz"}


def test_a_refresh_that_goes_back_may_read_the_artifact_before(template):
    """A machine of the version before fetches the key of that time: what is granted does not follow the newest key."""
    statements = [
        one
        for role in of_type(template, "IAM::Role").values()
        for policy in role["Policies"]
        for one in policy["PolicyDocument"]["Statement"]
    ]
    (reading,) = [one for one in statements if one["Action"] == "s3:GetObject"]
    assert reading["Resource"][1].endswith(":s3:::${ArtifactBucket}/blipkit/*")
    for name in ("Gpu", "Inf2"):
        pattern = template["Parameters"][f"{name}ArtifactKey"]["AllowedPattern"]
        assert re.fullmatch(pattern, "blipkit/2026-11-28/inf2.tar")
        assert not re.fullmatch(pattern, "others/inf2.tar")


def test_an_alarm_is_of_a_metric_that_the_api_tier_writes(template):
    """By its lines' names and dimensions: one of another name would never go off."""
    pytest.importorskip("starlette", reason="needs the extra service")
    from blipkit.service.tiers import Tier

    meter = Meter("api", {})
    begin_counts(meter)
    Tier("api", meter, print)
    meter.observe("latency_ms", 1.0)
    (line,) = map(json.loads, meter.lines(0))
    for alarm in of_type(template, "CloudWatch::Alarm").values():
        parts = [one["MetricStat"] for one in alarm.get("Metrics", ()) if "MetricStat" in one]
        for metric in [part["Metric"] for part in parts] or [alarm]:
            if metric["Namespace"] != "blipkit":
                continue
            assert metric["MetricName"] in line
            assert {one["Name"]: one["Value"] for one in metric["Dimensions"]} == meter.dimensions
