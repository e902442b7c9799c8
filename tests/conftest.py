"""Small checkpoints of many shapes, saved by transformers itself, and one run of the smoke profile for all tests."""

import json
import os
import pickle
import shutil

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test never asks a network
# beside a run in the background, two threads wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import nbformat
import pytest
import yaml
from filelock import FileLock
from started import end_all

from blipkit.machine import host
from blipkit.paths import NOTEBOOKS, ROOT
from blipkit.records.listing import output_of, read_listing, write_listing

HERE, ENVIRONMENT = host.describe().name, dict(os.environ)  # before a test pretends otherwise

QUIET = ROOT / "tests/quiet"  # what a run takes its machine for

# how long an example takes depends on the machine
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

SHAPES = {
    "wide": {
        "image": 48,
        "patch": 16,
        "width": 64,
        "heads": 8,
        "vision_layers": 2,
        "text_layers": 2,
        "positions": 32,
    },
    "shallow": {
        "image": 40,
        "patch": 8,
        "width": 32,
        "heads": 2,
        "vision_layers": 1,
        "text_layers": 1,
        "positions": 24,
    },
    "uneven": {
        "image": 64,
        "patch": 32,
        "width": 48,
        "heads": 4,
        "vision_layers": 3,
        "text_layers": 1,
        "positions": 40,
        "extra_words": 301,
    },
}


def pytest_report_header(config):
    return f"machine: {host.describe().name}; " + ", ".join(
        f"{n} {v}" for n, v in host.versions().items()
    )


def pytest_collection_modifyitems(items):
    """What needs a whole run comes last: the runs go on beside the other tests."""
    items.sort(
        key=lambda item: bool({"smoke", "replayed", "killed", "foreign"} & set(item.fixturenames))
    )


def save_checkpoint(
    folder: Path,
    image,
    patch,
    width,
    heads,
    vision_layers,
    text_layers,
    positions,
    extra_words=0,
    seed=0,
    activation="gelu",
) -> Path:
    """A BLIP with random weights and this project's tokenizer, written by save_pretrained."""
    import torch
    from transformers import BlipConfig, BlipForQuestionAnswering

    from blipkit.model.builtin import save_processor, word_tokenizer

    tokenizer = word_tokenizer()
    vision = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_attention_heads": heads,
        "num_hidden_layers": vision_layers,
        "hidden_act": activation,
    }
    text = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_attention_heads": heads,
        "num_hidden_layers": text_layers,
        "hidden_act": activation,
    }
    text |= {
        "vocab_size": len(tokenizer) + extra_words,
        "max_position_embeddings": positions,
        "encoder_hidden_size": width,
    }
    text |= {
        "bos_token_id": tokenizer.bos_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text |= {"eos_token_id": tokenizer.sep_token_id, "initializer_range": 0.3}
    vision |= {"image_size": image, "patch_size": patch, "initializer_range": 0.3}
    torch.manual_seed(seed)
    model = BlipForQuestionAnswering(BlipConfig(vision_config=vision, text_config=text))
    model.save_pretrained(folder)
    save_processor(tokenizer, image, folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint_folders(tmp_path_factory) -> dict[str, Path]:
    """Name -> folder of a checkpoint in the transformers layout."""
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: save_checkpoint(root / name, **shape) for name, shape in SHAPES.items()}


@pytest.fixture(scope="session", params=sorted(SHAPES))
def checkpoint(request, checkpoint_folders):
    """Each of the small checkpoints in turn."""
    from blipkit import load_checkpoint

    return load_checkpoint(str(checkpoint_folders[request.param]))


@pytest.fixture(scope="session")
def small(checkpoint_folders):
    """The smallest of them, where one is enough."""
    from blipkit import load_checkpoint

    return load_checkpoint(str(checkpoint_folders["shallow"]))


@pytest.fixture
def mine(checkpoint_folders, tmp_path):
    """A whole checkpoint of one's own, to be spoilt."""
    folder = tmp_path / "mine"
    shutil.copytree(checkpoint_folders["shallow"], folder)
    return folder


@pytest.fixture
def said(monkeypatch, capsys, tmp_path):
    """said(*arguments) -> (exit status, standard error) of the command line, run in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["blipkit", *map(str, arguments)])
        from blipkit.cli import entry

        with pytest.raises(SystemExit) as end:
            entry()
        return end.value.code, capsys.readouterr().err

    return call


def shared_root(tmp_path_factory) -> Path:
    """A folder that all processes of these tests have in common."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        return root.parent
    return root


@pytest.fixture(scope="session")
def artifact_root(tmp_path_factory) -> Path:
    """Compiled once, used by many tests."""
    folder = shared_root(tmp_path_factory) / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


def run_smoke(results: Path, *options: str) -> Path:
    """`blipkit run smoke` into a folder, as on a quiet machine; what it printed is shown where it fails."""
    path = os.pathsep.join(filter(None, [str(QUIET), ENVIRONMENT.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "blipkit", "run", "smoke", "--results", str(results), *options]
    environment = {**ENVIRONMENT, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    print(done.stdout, done.stderr)
    return results


FOREIGN = [pytest.param(name, marks=pytest.mark.slow) for name in SHAPES]


@pytest.fixture(autouse=True)
def ends_what_it_starts():
    """A test that fails leaves no tier, and no cluster of Ray's, to the next one."""
    yield
    end_all()


@pytest.fixture(scope="session", autouse=True)
def background_runs(request, tmp_path_factory):
    """Whole runs take a minute each, mostly on one core: they go on beside the other tests, one after another.

    Processes that share the tests share the runs: whoever comes first makes one.
    """
    root = shared_root(tmp_path_factory)
    needed = {name for item in request.session.items for name in item.fixturenames}
    runs = {}

    with ThreadPoolExecutor(1) as pool:

        def begin(name, make, *arguments):
            runs[name] = pool.submit(made_once, root / f"run-{name}", make, *arguments)

        if needed & {"smoke", "replayed"}:
            begin("smoke", run_smoke)
        for item in request.session.items:
            if "foreign" in item.fixturenames:
                name = item.callspec.params["foreign"]
                folder = request.getfixturevalue("checkpoint_folders")[name]
                begin(name, run_smoke, *quick_options(folder))
        if "replayed" in needed:
            begin("replayed", replay_elsewhere, runs["smoke"].result)
        if "killed" in needed:
            begin("killed", kill_and_run_again)
        yield runs


def made_once(folder: Path, make, *arguments):
    """What make(folder / "results", ...) returned, a path or more; made by one process, read by the others."""
    folder.mkdir(exist_ok=True)
    returned = folder / "returned.pickle"
    with FileLock(folder / "lock"):
        if not returned.is_file():
            returned.write_bytes(pickle.dumps(make(folder / "results", *arguments)))
        return pickle.loads(returned.read_bytes())


def kill_and_run_again(results: Path) -> tuple[Path, bool, int]:
    """02 killed while it compiles, then run again: the folder, whether it was halfway, the second run's exit status."""
    only = [
        "--only",
        "02_trace",
        "--set",
        "common.arms=[torchscript float32]",
        "--results",
        str(results),
    ]
    command = [sys.executable, "-m", "blipkit", "run", "smoke", *only]
    process = subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, start_new_session=True, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list(results.glob("artifacts/*torchscript*")) and time.monotonic() < deadline:
        time.sleep(0.05)  # until compiling has begun, which 02 does
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    halfway = (results / ".stage").exists()
    again = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    print(again.stdout, again.stderr)
    return results, halfway, again.returncode


def replay_elsewhere(results: Path, smoke) -> Path:
    """The smoke run as if recorded on another machine, replayed here."""
    far = shutil.copytree(
        smoke(),
        results.with_name("far"),
        ignore=shutil.ignore_patterns("artifacts", "*.ipynb", "report"),
    )
    for path in (*far.glob("records/*.jsonl"), far / "environment.json"):
        path.write_text(path.read_text().replace(json.dumps(HERE), '"A machine far away"'))
    listing = {}
    for stem, outputs in read_listing(far).items():
        names = [output.name for output in outputs if (far / output.name).is_file()]
        listing[stem] = [output_of(far, name) for name in names]
    write_listing(far, listing)
    return run_smoke(results, "--replay", str(far))


def quick_options(checkpoint: Path) -> list[str]:
    """Settings that ask another checkpoint as little as still means something."""
    values = [
        f"common.checkpoint={checkpoint}",
        "concurrency.clients=[1]",
        "concurrency.seconds=0.2",
        "parity.frames=16",
    ]
    return [option for value in values for option in ("--set", value)]


@pytest.fixture
def hangups():
    """SIGHUP is heeded as in a terminal: nohup has it ignored, whoever it starts."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session")
def smoke(background_runs) -> Path:
    """Results of the smoke profile, run once."""
    return background_runs["smoke"].result()


@pytest.fixture(scope="session")
def killed(background_runs) -> tuple[Path, bool, int]:
    """What `kill_and_run_again` says."""
    return background_runs["killed"].result()


@pytest.fixture(scope="session")
def replayed(background_runs) -> Path:
    """Results of a replay of the smoke run."""
    return background_runs["replayed"].result()


@pytest.fixture(scope="session", params=FOREIGN)
def foreign(request, background_runs) -> Path:
    """Results of the smoke profile on a checkpoint of another shape."""
    return background_runs[request.param].result()


def run_chapter(stem: str, knobs: dict, common: dict | None = None) -> tuple[dict, list[str]]:
    """A notebook's names after its cells were executed here with these knobs, and the sources of those cells.

    common: knobs that chapters share, beside their defaults; without it, those of the profile that `knobs` names.
    """
    notebook = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    names = {"__name__": "chapter", "__annotations__": {}}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    with tempfile.TemporaryDirectory() as folder:
        if common is not None:
            profile = Path(folder, "common.yaml")
            profile.write_text(yaml.safe_dump({"common": common}), encoding="utf-8")
            knobs = {**knobs, "profile": str(profile)}
        for cell in cells:
            exec(cell.source, names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= knobs
    return names, [cell.source for cell in cells]


def unpadded_scores(checkpoint, frame, question) -> list[float]:
    """Log-likelihood of each candidate by transformers' own forward: one frame, one question, nothing padded."""
    import torch

    model, processor, text, scores = (
        checkpoint.model,
        checkpoint.processor,
        checkpoint.config.text_config,
        [],
    )
    pixels = processor.image_processor([frame.convert("RGB")], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        image = model.vision_model(pixels).last_hidden_state
        asked = processor.tokenizer(question.text, return_tensors="pt").input_ids
        states = model.text_encoder(asked, encoder_hidden_states=image).last_hidden_state
        for candidate in question.candidates:
            tokens = [
                *processor.tokenizer(candidate, add_special_tokens=False).input_ids,
                text.sep_token_id,
            ]
            ids = torch.tensor([[text.bos_token_id, *tokens[:-1]]])
            logits = model.text_decoder(ids, encoder_hidden_states=states, use_cache=False).logits
            scores.append(
                logits.log_softmax(-1)[0].gather(-1, torch.tensor(tokens)[:, None]).sum().item()
            )
    return scores


@pytest.fixture(scope="session")
def unpadded_generate():
    """(checkpoint, frame, text, new tokens) -> transformers' own greedy tokens, and its smallest gap between two best logits."""
    import torch

    def generate(checkpoint, frame, text, new_tokens):
        inputs = checkpoint.processor(images=frame, text=text, return_tensors="pt")
        options = {"do_sample": False, "output_logits": True, "return_dict_in_generate": True}
        out = checkpoint.model.generate(**inputs, max_new_tokens=new_tokens, **options)
        best = torch.stack(out.logits).topk(2, -1).values
        return out.sequences[0, 1:].tolist(), (best[..., 0] - best[..., 1]).min().item()

    return generate
