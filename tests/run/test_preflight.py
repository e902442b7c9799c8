"""What a new user gets wrong: exit status 2, one message that says what to do, nothing run and nothing written."""

import shlex
import shutil
from collections import namedtuple

import pytest
from PIL import Image

from blipkit.errors import BadInput
from blipkit.paths import PROFILES, ROOT
from blipkit.profiles.profile import load_profile
from blipkit.run import preflight

LONG = "is the dog barking and is the dog playing and is the dog chewing furniture?"


SETTINGS = [
    ("parity.frame=3", "unknown key 'frame'; did you mean 'frames'?"),
    ("party.frames=3", "unknown section 'party'; did you mean 'parity'?"),
    ("parity.servers=[1]", "unknown key 'servers'"),
    ("common.results=x", "unknown key 'results'"),
    ("common.replay=x", "unknown key 'replay'"),
    ("frames=3", "expected section.key=value, such as parity.frames=20"),
    ("parity.frames", "expected section.key=value"),
    ("parity.frames=[", "the value is not YAML"),
    ("parity.frames=many", "frames is 'many'; expected a valid integer"),
    ("parity.frames=true", "frames is True; expected a valid integer"),
    ("parity.frames=2.5", "frames is 2.5; expected a valid integer"),
    ("parity.frames=", "frames is None; expected a valid integer"),
    (
        "parity.frame_flip_limit=1e-3",
        "frame_flip_limit is '1e-3'; expected a valid number (YAML reads 1e-3 as text; write 1.0e-3)",
    ),
    ("parity.frames=-1", "frames is -1; expected more than zero"),
    ("parity.frames=0", "frames is 0; expected more than zero"),
    (
        "parity.frame_flip_limit=1.5",
        "frame_flip_limit is 1.5; expected a share, at least 0 and less than 1",
    ),
    ("parity.accuracy_floor=-0.1", "accuracy_floor is -0.1; expected a share"),
    ("parity.tensor_limit={float32: 0.0001}", "parity.tensor_limit says nothing of bfloat16"),
    (
        "common.compiler_flags=['--auto-cast=all']",
        "'--auto-cast=all' is not a profile's to say: the arm says it",
    ),
    (
        "common.compiler_flags=[--optlevel=2, --optlevel=3]",
        "'--optlevel=3' contradicts or repeats '--optlevel=2'",
    ),
    (
        "concurrency.placements=[contexts]",
        "contexts put a pipeline on each NeuronCore, and arm 'torchscript float32' has none",
    ),
    (
        "concurrency.placements=[proceses]",
        "concurrency.placements is 'proceses'; did you mean 'processes'?",
    ),
    ("trace.compile_on=inf3.xlarge", "did you mean 'inf2.xlarge'?"),
    ("parity.tensor_limit={float32: 0.0}", "tensor_limit.float32 is 0.0; expected more than zero"),
    (
        "parity.frames=100",
        "100 frames cannot bound a share so",
    ),
    ("parity.frames=148", "ask 149 frames (parity.frames), or raise the limit to 0.021"),
    ("parity.overlap_floor=1.5", "overlap_floor is 1.5; expected a share"),
    ("parity.sigma_limit=0.0", "sigma_limit is 0.0; expected more than zero"),
    ("parity.excused_margin={bfloat16: 0.1}", "parity.excused_margin says nothing of float32"),
    (
        "parity.incumbent=torchscript float61",
        "parity.incumbent: no folder 'torchscript float61', and arm",
    ),
    ("parity.incumbent=eager float16 cuda", "arm 'eager float16 cuda' needs an NVIDIA GPU"),
    ("parity.incumbent=neuron_emulated none", "imitates a device, and answers nowhere today"),
    ("parity.incumbent=results/nowhere", "results/nowhere holds no whole golden outputs"),
    (
        "common.required=[parity torchscript float32 pipe]",
        "did you mean 'parity torchscript float32 pipeline'?",
    ),
    ("common.seed=-1", "seed is -1; expected zero or more"),
    ("common.threads=0", "threads is 0; expected more than zero"),
    ("common.shared=maybe", "shared is 'maybe'; expected a valid boolean"),
    ("common.frames=3", "unknown key 'frames'; it belongs to parity"),
    ("parity.seed=3", "unknown key 'seed'; it belongs to common"),
    (
        "common.required=[decisions torchscript flaot32]",
        "did you mean 'decisions torchscript float32'? Name those you need, or none: []",
    ),
    ("common.required=machine", "required is 'machine'; expected a valid list"),
    ("common.cell_limit_s=0", "cell_limit_s is 0; expected more than zero"),
    (
        "concurrency.servers=[1, 999]",
        "cores take turns instead of serving; name fewer, or say concurrency.oversubscribe: true",
    ),
    (
        "concurrency.percentile=100.0",
        "concurrency.percentile is 100.0; expected less than 100, such as 90 or 99",
    ),
    (
        "concurrency.seconds=600.0",
        "6 runs of about 610.3 s, and those of our own overhead, take 62 minutes, a cell may take 60; take concurrency.seconds=584, or",
    ),
    (
        "concurrency.repeats=50",
        "300 runs of about 12.3 s, and those of our own overhead, take 86 minutes, a cell may take 60; name fewer servers or clients",
    ),
    ("concurrency.batch_sizes=[0]", "batch_sizes.0 is 0; expected more than zero"),
    (
        "concurrency.batch_sizes=[1, 16]",
        "concurrency.batch_sizes: 16, and the largest bucket takes 8 frames at once; add one to",
    ),
    (
        "concurrency.repeat_share=1.0",
        "repeat_share is 1.0; expected a share, at least 0 and less than 1",
    ),
    ("concurrency.think_ms=-1.0", "think_ms is -1.0; expected zero or more"),
    ("concurrency.seconds=.nan", "seconds is nan; expected more than zero"),
    ("concurrency.latency_limit_ms=.inf", "latency_limit_ms is inf; expected more than zero"),
    ("concurrency.servers=[]", "servers is empty; expected at least one entry"),
    ("concurrency.servers=[1, 0]", "servers.1 is 0; expected more than zero"),
    ("concurrency.clients=[one]", "clients.0 is 'one'; expected a valid integer"),
    ("concurrency.clients=4", "clients is 4; expected a valid list"),
    ("concurrency.warmup=-1.0", "warmup is -1.0; expected zero or more"),
    ("concurrency.call=generat", "concurrency.call is 'generat'; did you mean 'generate'?"),
    (
        "common.required=[lowering image_decoder]",
        "nothing here has the gate 'lowering image_decoder'; did you mean",
    ),
    ("common.only=[03_party]", "only '03_party' names no notebook; did you mean '03_parity'?"),
    (
        "trace.neuron_stack=nowhere",
        "neuron_stack nowhere: no bin/python there; expected an environment: make neuron-stack",
    ),
    ("concurrency.arms_under_load=7", "arms_under_load is 7; common.arms has 6"),
    ("concurrency.arms_under_load=3", "so it is not put under load; name it after the arms that"),
    ("common.arms=[]", "arms is empty; expected at least one entry"),
    ("common.arms=torchscript float32", "arms is 'torchscript float32'; expected a valid list"),
    ("common.arms=[torchscrip float32]", "runner 'torchscrip'; did you mean 'torchscript'?"),
    (
        "common.arms=[torchscript float23]",
        "torchscript takes precision float32, bfloat16, float16 on device cpu, cuda; saw 'float23'",
    ),
    (
        "common.arms=[torchscript]",
        "expected a runner and a precision, such as 'torchscript float32'",
    ),
    (
        "common.arms=[torchscript float16]",
        "float16 runs on an NVIDIA GPU: 'torchscript float16 cuda'",
    ),
    ("common.arms=[eager float32 tpu]", "on device cpu, cuda; saw 'float32 tpu'"),
    ("common.arms=[eager float32 cpu]", "write it as 'eager float32'"),
    (
        "common.arms=[neuron_emulated none bf16]",
        "all tf32, bfloat16 on device cpu; saw 'none bf16'",
    ),
    (
        "common.arms=[neuron_emulated matmul bf16]",
        "takes precision none, matmult bf16, matmult fp16,",
    ),
    ("common.arms=[neuron_emulated matmult bf61]", "on device cpu; saw 'matmult bf61'"),
    ("common.checkpoint=builtin:big-pets", "did you mean 'tiny-pets'?"),
    ("common.checkpoint=./nowhere", "no such folder; expected builtin:tiny-pets"),
    ("common.checkpoint=''", "checkpoint is empty; expected a text"),
    ("common.checkpoint=Salesforce/blip-vqa-base", "hf download Salesforce/blip-vqa-base"),
    ("common.buckets=[{frame: 1}]", "unknown key 'frame'; did you mean 'frames'?"),
    ("common.buckets=[{frames: 0}]", "buckets.0.frames is 0; expected more than zero"),
    ("common.buckets=[{tokens: 600}]", "tokens is 600; the checkpoint has 64 positions"),
    ("common.buckets=[]", "buckets is empty; expected at least one entry"),
    ("common.questions=[]", "questions is empty; expected at least one entry"),
    ("common.questions=['  ']", "questions.0 is empty; expected a text"),
    ("common.questions=[yes]", "question True: expected a text"),
    ("common.questions=['a?', 'a?']", "question 'a?' stands twice in common.questions"),
    (
        "common.questions=[{text: 'a?', candidates: [yes, no]}]",
        "YAML reads bare yes and no as true and false",
    ),
    ("common.questions=[{text: 'a?', candidates: [cat]}]", "expected two or more quoted texts"),
    ("common.questions=[{text: 'a?', candidates: [cat, cat]}]", "a candidate stands twice"),
    (
        "common.questions=[{text: 'a?', answers: open}]",
        "expected a text, or {text: ..., candidates: [yes, no]}",
    ),
    (f"common.questions=['{LONG}']", f"no bucket fits: the longest question ('{LONG}') has"),
    (
        "common.questions=[{text: 'a?', candidates: [the dog is on the sofa, it is not]}]",
        "Add one with tokens >= 4, candidates >= 2, answer_tokens >= 11 to common.buckets",
    ),
    (
        "common.frames_from=nowhere",
        "nowhere' does not exist; expected 'synthetic' or a folder of images",
    ),
    (
        "common.frames_from=bad.jpg",
        "bad.jpg' is a file; expected 'synthetic' or a folder of images",
    ),
    ("common.frames_from=empty", "empty' holds no images"),
    (
        "common.frames_from=bad",
        "1 of 1 images cannot be used: 'a.jpg' is empty (0 bytes). Repair or remove them",
    ),
    (
        "common.frames_from=labelled",
        "none of its questions is asked; write them as in common.questions",
    ),
    ("environment.expect=gpu", "environment.expect is 'gpu'; did you mean 'cpu'?"),
    ("cost.region=us-east-7", "region 'us-east-7'; did you mean 'us-east-1'?"),
    ("cost.priced_as=m7i.larg", "did you mean 'm7i.large'?"),
    ("cost.option=ondemand", "option 'ondemand'; did you mean 'on_demand'?"),
    ("cost.incumbents=[]", "incumbents is empty; expected at least one entry"),
    ("cost.target_saving=1.0", "target_saving is 1.0; expected a share"),
    ("cost.beside=[nowhere]", "no results of 05_cost in nowhere; "),
    (
        "cost.contracted={candidat: ours}",
        "cost.contracted: unknown 'candidat'; did you mean 'candidate'?",
    ),
    ("cost.contracted={incumbent: ours}", "us-east-1 ours: option 'ours'; known: on_demand, spot"),
    ("cost.cameras=-1", "cameras is -1; expected zero or more"),
    ("cost.cameras=1.5", "cameras is 1.5; expected a valid integer"),
    ("cost.events_per_day=-1.0", "events_per_day is -1.0; expected zero or more"),
    (
        "cost.utilisation=1.5",
        "utilisation is 1.5; expected 0 for not stated, else a share of the time, at most 1",
    ),
    (
        "cost.incumbent_utilisation=1.01",
        "incumbent_utilisation is 1.01; expected 0 for not stated, else a share of the time",
    ),
    (
        "cost.own_prices=nowhere.csv",
        "nowhere.csv: No such file or directory; expected a CSV file with the columns of params/prices.csv",
    ),
    ("cost.one_off={engineer_day: 3.0}", "unknown 'engineer_day'; did you mean 'engineer_days'"),
    ("cost.one_off={compile_hours: -3.0}", "one_off.compile_hours is -3.0; expected zero or more"),
]


@pytest.mark.parametrize(("setting", "message"), SETTINGS, ids=[setting for setting, _ in SETTINGS])
def test_a_bad_setting_ends_with_2_and_one_message(said, tmp_path, setting, message):
    """Every knob refuses what it cannot mean, before a notebook starts."""
    (tmp_path / "bad.jpg").write_bytes(b"")
    for name in ("empty", "bad", "labelled"):
        (tmp_path / name).mkdir()
    (tmp_path / "bad/a.jpg").write_bytes(b"")
    Image.new("RGB", (8, 8)).save(tmp_path / "labelled/a.png")
    (tmp_path / "labelled/labels.csv").write_text(
        "file,question,answer\na.png,is it raining?,yes\n"
    )
    status, error = said("run", "tiny", "--set", setting, "--results", tmp_path / "new")
    assert status == 2 and message in error and len(error.splitlines()) == 1
    assert not (tmp_path / "new").exists()


FILES = [
    (b"", "expected sections such as `common:` and `parity:`, saw an empty file"),
    (b"- a\n- b\n", "expected sections such as `common:` and `parity:`, saw list"),
    (b"tiny", "saw str"),
    (b"parity: 3\n", "section 'parity' should be `key: value` lines, saw 3"),
    (b"parity: [\n", "not YAML"),
    (b"parity:\n\tframes: 3\n", "not YAML"),
    (
        b"parity:\n  frames: 3\n  frames: 4\n",
        "not YAML (key 'frames' stands twice, the second time in line 3)",
    ),
    (
        b"parity:\n  frames: 3\nparity:\n  seed: 4\n",
        "key 'parity' stands twice, the second time in line 3",
    ),
    (bytes(range(256)), "not YAML"),
    (b"1: 2\n", "unknown section 1"),
]


@pytest.mark.parametrize(("content", "message"), FILES, ids=[message for _, message in FILES])
def test_a_bad_profile_file_ends_with_2_and_one_message(said, tmp_path, content, message):
    """What is no profile is named with what was seen in it."""
    (tmp_path / "mine.yaml").write_bytes(content)
    status, error = said("run", "./mine.yaml", "--results", tmp_path / "new")
    assert (
        status == 2
        and message in error
        and "mine.yaml" in error
        and not (tmp_path / "new").exists()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "tinny"), "did you mean 'tiny'?"),
        (("run", "./nowhere.yaml"), "no file nowhere.yaml"),
        (("run", "./"), "no file"),
        (
            ("run", "tiny", "--only", "03_party"),
            "only '03_party' names no notebook; did you mean '03_parity'?",
        ),
        (
            ("run", "tiny", "--results", ROOT / "README.md"),
            "is a file; expected a folder, existing or not",
        ),
        (
            ("run", "tiny", "--results", ROOT / "README.md/sub"),
            "cannot be written to; pass a folder of yours",
        ),
        (("run", "tiny", "--replay", "nowhere"), "no folder nowhere; expected a results folder"),
        (("run", "tiny", "--replay", "."), "is not a results folder (no run.json)"),
        (("report", "nowhere"), "no folder nowhere; expected a results folder"),
        (("report", "."), "not a results folder (no run.json); make one with: blipkit run tiny"),
        (("compare", "nowhere", "here"), "no folder nowhere; expected a results folder"),
        (("publish", "nowhere"), "no folder nowhere; expected a results folder"),
        (("publish", "."), "not a results folder (no run.json); make one with: blipkit run tiny"),
        (("frames", "nowhere.mp4", "out"), "no such file; expected a clip such as walk.mp4"),
        (
            ("frames", "nowhere.mp4", "out", "--every", "2 days"),
            "expected a time of at least 1ms, such as 2s",
        ),
    ],
)
def test_a_bad_argument_ends_with_2_and_one_message(said, arguments, message):
    """Files and folders that are not what they should be are named."""
    status, error = said(*arguments)
    assert status == 2 and message in error


def test_neuron_without_device_and_wheels_names_the_image_and_the_dry_run(
    said, tmp_path, monkeypatch
):
    """Neither a device nor torch_neuronx: nothing runs, and the message has what does."""
    from blipkit.machine import host

    monkeypatch.setattr(host, "version", lambda package: None)
    status, error = said(
        "run", "inf2", "--set", "common.checkpoint=builtin:tiny-pets", "--results", tmp_path / "new"
    )
    assert status == 2 and not (tmp_path / "new").exists() and len(error.splitlines()) == 1
    for part in (
        "this machine has neither",
        "sdk2.31.1-ubuntu24.04",
        "'.[neuron]' --extra-index-url",
        "PROFILE=inf2-dry",
    ):
        assert part in error


def test_what_must_lower_needs_its_environment_first(said, tmp_path, monkeypatch):
    """inf2-dry takes minutes; that its lowering gates cannot be measured is said before them."""
    monkeypatch.setenv("BLIPKIT_FORK_SERVER", "off")  # a child would not see the next line
    monkeypatch.setattr("blipkit.runners.neuron.lowering.ROOT", tmp_path)
    status, error = said("run", "inf2-dry", "--results", tmp_path / "new")
    assert status == 2 and not (tmp_path / "new").exists() and len(error.splitlines()) == 1
    assert (
        "names 'lowering image_encoder', and there is no environment to lower it in: make neuron-stack"
        in error
    )


def test_a_component_that_cannot_be_exported_ends_with_2(
    said, checkpoint_folders, tmp_path, monkeypatch
):
    """An emulated arm needs torch.export; where it refuses a component, that is named before anything runs."""

    def refuse(module, inputs):
        raise ValueError("Could not guard on data-dependent expression\nlong story")

    monkeypatch.setenv("BLIPKIT_FORK_SERVER", "off")  # a child would not see the next line
    monkeypatch.setattr("torch.export.export", refuse)
    settings = [
        f"common.checkpoint={checkpoint_folders['wide']}",
        "common.arms=[torchscript float32, neuron_emulated none]",
    ]
    status, error = said(
        "run",
        "tiny",
        *(word for s in settings for word in ("--set", s)),
        "--results",
        tmp_path / "new",
    )
    assert status == 2 and not (tmp_path / "new").exists()
    assert (
        "image_encoder cannot be compiled for 'neuron_emulated none': torch.export refused it (Could not guard"
        in error
    )


def test_a_disk_that_is_too_full_is_seen_first(tmp_path, monkeypatch):
    """What the artifacts will take is known from weights, formats and buckets."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(100e6))
    with pytest.raises(
        BadInput, match=r"the disk has 0.1 GB free, the artifacts need about 0.3 GB; free some"
    ):
        preflight.check(load_profile("tiny"), tmp_path / "new")


def test_a_gpu_arm_without_a_gpu_is_refused_and_can_be_replayed(tmp_path, monkeypatch):
    """The machine decides what can run, not what can be shown."""
    from blipkit.machine import host

    monkeypatch.setattr(host, "describe", lambda: host.Machine("a CPU"))
    arms = ["common.arms=[torchscript float16 cuda]", "parity.incumbent=eager float16 cuda"]
    profile = load_profile("tiny", [*arms, "common.required=[]"])
    with pytest.raises(
        BadInput, match="'torchscript float16 cuda' needs an NVIDIA GPU; this machine shows none"
    ):
        preflight.check(profile, tmp_path / "new")
    far = tmp_path / "far"
    far.mkdir()
    for name in ("profile.yaml", "run.json"):
        (far / name).write_text("{}")
    preflight.check(profile, tmp_path / "new", far)


def test_a_replay_into_its_own_folder_is_refused(tmp_path):
    """Nothing recorded may be lost."""
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BadInput, match="is also the results folder; pass another --results"):
        preflight.check_replay(tmp_path, tmp_path)


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_is_one(path, tmp_path):
    """A committed profile is refused for what this machine lacks, if for anything."""
    try:
        preflight.check(load_profile(str(path)), tmp_path / "new")
    except BadInput as error:
        assert any(
            lack in str(error)
            for lack in (
                "needs an NVIDIA GPU",
                "needs a Neuron device",
                "hf download",
                "make neuron-stack",
                "the disk has",
            )
        ), error


def test_answers_are_counted_only_where_they_are_asked(tmp_path):
    """A profile without 03 may name as few frames as it likes."""
    preflight.check(
        load_profile("tiny", ["parity.frames=1", "common.only=[02_trace]", "common.required=[]"]),
        tmp_path,
    )
    with pytest.raises(BadInput, match="cannot bound a share"):
        preflight.check(load_profile("tiny", ["parity.frames=1", "common.required=[]"]), tmp_path)


def test_only_the_chapters_that_will_run_are_checked(tmp_path):
    """A knob of a chapter that stays away stops nobody; with its chapter it does."""
    bad = {
        "parity.frames=1": "03_parity",
        "cost.own_prices=nowhere.csv": "05_cost",
        "concurrency.servers=[4096]": "04_concurrency",
        "trace.compile_on=inf3.xlarge": "02_trace",
    }
    profile = load_profile("tiny", ["common.required=[]", *bad])
    preflight.check(profile, tmp_path, only=["00_environment"])
    for setting, stem in bad.items():
        with pytest.raises(BadInput):
            preflight.check(
                load_profile("tiny", ["common.required=[]", setting]), tmp_path, only=[stem]
            )


@pytest.mark.parametrize(("stem", "asks"), [("05_cost", False), ("01_components", True)])
def test_a_chapter_that_reads_records_needs_no_checkpoint(tmp_path, monkeypatch, stem, asks):
    """What loads from a hub that cannot be reached stops the chapters that ask the model alone."""

    def unreachable(source):
        raise BadInput(f"checkpoint {source!r} did not load")

    monkeypatch.setattr(preflight, "load_checkpoint", unreachable)
    profile = load_profile("inf2", ["common.required=[]"])
    if asks:
        with pytest.raises(BadInput, match="did not load"):
            preflight.check(profile, tmp_path, only=[stem])
    else:
        preflight.check(profile, tmp_path, only=[stem])


def test_the_bucket_that_would_fit_is_given_as_an_option(tmp_path):
    """As it stands in the message it can be passed, and then nothing is refused."""
    asked = f"common.questions=['{LONG}']"
    with pytest.raises(BadInput) as refused:
        preflight.check(load_profile("tiny", [asked]), tmp_path, only=["01_components"])
    option, setting = shlex.split(str(refused.value).partition("take one that fits: ")[2])
    assert option == "--set"
    preflight.check(load_profile("tiny", [asked, setting]), tmp_path, only=["01_components"])
