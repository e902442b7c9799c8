"""The tasks that rent a machine: pinned, bounded, of one commit and the same frames; nothing is launched here."""

import json
import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from blipkit.profiles.profile import load_profile

ROOT = Path(__file__).parent.parent
SKY = ROOT / "deploy/sky"
MACHINES = ("inf2", "gpu")
# SkyPilot wants an older click than this environment has: docs/renting.md makes one of its own
SKYPILOT = Path(os.environ.get("SKYPILOT_PYTHON", ROOT / ".venv-sky/bin/python"))
LOADS = """
import json, sys, sky
task = sky.Task.from_yaml(sys.argv[1])
(asked,) = task.resources
stop = asked.autostop_config
print(json.dumps({"instance": asked.instance_type, "region": asked.region, "disk": asked.disk_size,
    "image": asked.image_id, "idle": stop.idle_minutes, "down": stop.down, "spot": asked.use_spot, "envs": task.envs}))
"""


def task(machine: str) -> dict:
    return yaml.safe_load((SKY / f"{machine}.yaml").read_text())


@pytest.mark.parametrize("machine", MACHINES)
def test_skypilots_own_loader_takes_the_task(machine, tmp_path):
    """The task is one that SkyPilot accepts, and means what it says there: instance, image, disk, and stopping when idle."""
    if not SKYPILOT.exists():
        pytest.skip(f"no SkyPilot at {SKYPILOT}: docs/renting.md says how to install it")
    command = [SKYPILOT, "-c", LOADS, SKY / f"{machine}.yaml"]
    quiet = {**os.environ, "HOME": str(tmp_path), "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=quiet, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert loaded["instance"] == {"inf2": "inf2.xlarge", "gpu": "g5.xlarge"}[machine]
    assert loaded["image"] == {"us-east-1": task(machine)["resources"]["image_id"]}
    assert (loaded["region"], loaded["disk"], loaded["spot"]) == ("us-east-1", 100, False)
    assert loaded["idle"] == 15 and not loaded["down"]
    assert loaded["envs"]["COMMIT"] == "" and loaded["envs"]["PROFILE"] == machine


def test_both_machines_are_asked_alike():
    """Only the machine, its image's environment and its swap differ: disk, limits, transformers, commit and frames do not."""
    inf2, gpu = (task(machine) for machine in MACHINES)
    assert {key for key in inf2["envs"] if inf2["envs"][key] != gpu["envs"][key]} == {
        "PROFILE",
        "VENV",
        "SWAP_GB",
    }
    different = {key for key, value in inf2["resources"].items() if value != gpu["resources"][key]}
    assert different == {"instance_type"} and inf2["setup"] == gpu["setup"]
    for machine, asked in zip(MACHINES, (inf2, gpu), strict=True):
        priced_as = load_profile(machine).section("cost").priced_as
        assert asked["resources"]["instance_type"] == priced_as


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_starts_without_a_pinned_image(machine):
    """No image has the id that stands in the file, so that a launch without --image-id fails and follows no latest one."""
    assert task(machine)["resources"]["image_id"] == f"ami-{0:017}"


def test_by_hand_and_by_skypilot_it_is_the_same_image():
    """The names that launch.sh looks up, the environments and transformers of the tasks stand in docs/renting.md."""
    renting = (ROOT / "docs/renting.md").read_text()
    names = re.findall(r'name="(.*?) \*" about="(.*?)"', (SKY / "launch.sh").read_text())
    assert len(names) == len(MACHINES)
    for name, about in names:
        assert f"Values={name} *" in renting and (about == "*" or f"Values={about}" in renting)
    for machine in MACHINES:
        asked = task(machine)["envs"]
        setup = f"make setup VENV={asked['VENV']} TRANSFORMERS={asked['TRANSFORMERS']}"
        assert setup in renting


@pytest.mark.parametrize("path", sorted(SKY.glob("*.sh")), ids=lambda path: path.name)
def test_the_scripts_are_shell(path):
    """bash reads each to its end."""
    subprocess.run(["bash", "-n", path], check=True)


def git(folder: Path, *words: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", *named, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A repository with the scripts and two frames."""
    (tmp_path / "repo/deploy").mkdir(parents=True)
    (tmp_path / "repo/frames").mkdir()
    subprocess.run(["cp", "-r", SKY, tmp_path / "repo/deploy"], check=True)
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "repo/frames" / name).write_text(name)
    git(tmp_path / "repo", "init", "-q")
    (tmp_path / "repo/results/published").mkdir(parents=True)
    (tmp_path / "repo/results/published/forecast.json").write_text("{}")
    git(tmp_path / "repo", "add", "deploy", "results")
    git(tmp_path / "repo", "commit", "-qm", "all")
    return tmp_path / "repo"


def script(checkout: Path, name: str, *words: str, **variables: str) -> tuple[int, str]:
    """Exit status and what a script said."""
    done = subprocess.run(
        ["bash", f"deploy/sky/{name}", *words],
        cwd=checkout,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def frames_digest(checkout: Path) -> str:
    digest = runpy.run_path(str(checkout / "deploy/sky/frames_digest.py"))["folder_digest"]
    return digest(checkout / "frames")


def test_another_commit_or_other_frames_are_refused(checkout):
    """The machine compares what came with what was launched, before it installs or runs anything."""

    def prepare(**changed: str) -> tuple[int, str]:
        asked = {
            "COMMIT": git(checkout, "rev-parse", "HEAD"),
            "FRAMES": "frames",
            "FRAMES_SHA256": frames_digest(checkout),
            "CHECK_ONLY": "1",
        }
        return script(checkout, "prepare.sh", **(asked | changed))

    assert prepare() == (0, "")
    shutil.rmtree(checkout / "results")  # what git ignores is not copied there
    assert prepare(FRAMES="synthetic", FRAMES_SHA256="") == (0, "")
    assert (checkout / "results/published/forecast.json").exists()
    for changed, message in (
        ({"COMMIT": ""}, "COMMIT is empty"),
        ({"COMMIT": "0" * 40}, "this is commit"),
        ({"FRAMES_SHA256": "0" * 64}, "frames in frames have digest"),
    ):
        status, said = prepare(**changed)
        assert status == 2 and message in said and "; expected " in said
    (checkout / "frames/a.jpg").write_text("another dog")
    status, said = prepare(FRAMES_SHA256=frames_digest(checkout))
    assert status == 0
    (checkout / "deploy/sky/run.sh").write_text("exit 0")
    status, said = prepare()
    assert status == 2 and "files differ from commit" in said


def test_the_digest_is_of_names_and_bytes(checkout):
    """Times count for nothing, a name and a byte for everything."""
    before = frames_digest(checkout)
    os.utime(checkout / "frames/a.jpg", (1, 1))
    assert frames_digest(checkout) == before and re.fullmatch(r"[0-9a-f]{64}", before)
    (checkout / "frames/a.jpg").rename(checkout / "frames/c.jpg")
    assert frames_digest(checkout) != before


def programs(folder: Path, image: str, launched: int = 0, came_back: int = 0) -> str:
    """A PATH with aws, sky and rsync that only write down how they were called."""
    folder.mkdir()
    for name, says in (
        ("aws", f"echo {image}"),
        ("sky", f'[ "$1" != launch ] || exit {launched}'),
        ("rsync", f"exit {came_back}"),
    ):
        text = f'#!/bin/sh\necho "{name} $*" >> "{folder}/calls"\n{says}\n'
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("launched", [0, 100])
def test_a_launch_pins_image_and_commit_and_ends_the_machine(checkout, tmp_path, launched):
    """The image is looked up by its release, results are brought back whatever the run found, and then the machine is ended."""
    path = programs(tmp_path / "bin", "ami-0123456789abcdef0", launched)
    status, _ = script(checkout, "launch.sh", "inf2", "us-west-2", "frames", PATH=path)
    aws, launch, rsync, down = (tmp_path / "bin/calls").read_text().splitlines()
    assert status == launched
    assert "Deep Learning AMI Neuron PyTorch 2.9" in aws and "*Neuron SDK 2.31.*" in aws
    for word in (
        "--image-id ami-0123456789abcdef0",
        "--infra aws/us-west-2",
        f"COMMIT={git(checkout, 'rev-parse', 'HEAD')}",
        f"FRAMES_SHA256={frames_digest(checkout)}",
    ):
        assert word in launch
    assert rsync == "rsync -a blipkit-inf2:sky_workdir/results/inf2/ results/inf2/"
    assert down == "sky down --yes blipkit-inf2"


def test_results_that_did_not_come_back_keep_their_machine(checkout, tmp_path):
    """Where nothing was copied, the machine is not ended, and the message says how to get them."""
    path = programs(tmp_path / "bin", "ami-0123456789abcdef0", came_back=1)
    status, said = script(checkout, "launch.sh", "gpu", PATH=path)
    assert status == 2 and "sky start blipkit-gpu" in said
    assert "sky down" not in (tmp_path / "bin/calls").read_text()


@pytest.mark.parametrize(
    ("words", "image", "message"),
    [
        (["tpu"], "ami-1", "the machine is 'tpu'; expected inf2 or gpu"),
        (["inf2"], "None", "no image in us-east-1 is called 'Deep Learning AMI Neuron"),
        (["gpu", "us-east-1", "nowhere"], "ami-1", "nowhere is no folder; expected one of frames"),
    ],
)
def test_what_cannot_be_launched_rents_nothing(checkout, tmp_path, words, image, message):
    """A machine, an image or frames that are not there are named, and SkyPilot is not called."""
    path = programs(tmp_path / "bin", image)
    status, said = script(checkout, "launch.sh", *words, PATH=path)
    calls = tmp_path / "bin/calls"
    assert status and message in said
    assert not calls.exists() or "sky launch" not in calls.read_text()


def test_files_that_differ_or_results_that_are_there_are_not_launched(checkout, tmp_path):
    """Both machines run one commit, and one run's results do not mix with another's."""
    path = programs(tmp_path / "bin", "ami-1")
    (checkout / "results/inf2").mkdir(parents=True)
    status, said = script(checkout, "launch.sh", "inf2", PATH=path)
    assert status == 2 and "results/inf2 is there" in said
    (checkout / "deploy/sky/run.sh").write_text("exit 0")
    status, said = script(checkout, "launch.sh", "gpu", PATH=path)
    assert status == 2 and "files differ from the last commit" in said
    assert not (tmp_path / "bin/calls").exists()
