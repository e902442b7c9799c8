"""`blipkit adopt` on the command line: what it asks for, and what it says."""

import plain_trace
import pytest
import torch
import yaml
from typer.testing import CliRunner

from blipkit import cli
from blipkit.errors import BadInput
from blipkit.run.adopting import words_of

SIZES = {"frames": 1, "questions": 1, "tokens": 8, "candidates": 2, "answer_tokens": 4}
ARMS = ["torchscript float32", "torchscript bfloat16"]


@pytest.fixture(scope="module")
def command(checkpoint_folders, tmp_path_factory):
    """Runs the command on a user's text encoder, for a profile of the small checkpoint with two arms."""
    folder = tmp_path_factory.mktemp("user")
    checkpoint = str(checkpoint_folders["shallow"])
    module, inputs = plain_trace.parts_of(checkpoint)["text_encoder"]
    file = folder / "text_encoder.pt"
    torch.jit.save(torch.jit.trace(module.eval(), inputs, check_trace=False), file)
    buckets = [SIZES, dict(SIZES, tokens=9)]
    common = {"checkpoint": checkpoint, "arms": ARMS, "buckets": buckets}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"common": common}))

    def run(*words: str, component: str = "text_encoder", name: str = "results"):
        start = ["adopt", str(file), "--profile", str(folder / "mine.yaml")]
        rest = ["--component", component, "--results", str(folder / name)]
        return CliRunner().invoke(cli.app, [*start, *rest, *words])

    return run


def test_it_says_what_it_adopted_and_what_nobody_knows(command):
    """Its folder, its place, its inputs, what is unknown, who will use it; the same again a second time."""
    done = command("--arm", ARMS[0], "--bucket", "1f-1q-8t-2c-4a")
    assert done.exit_code == 0, done.exception
    place, what, unknown, use = done.output.splitlines()
    assert place.endswith(": adopted") and "/artifacts/adopted-text_encoder-torchscript" in place
    assert what == (
        "text_encoder of 'torchscript float32', bucket 1f-1q-8t-2c-4a; it takes input_ids int64, "
        "attention_mask int64, image_states float32, image_mask int64"
    )
    assert unknown == "compiled by: unknown; weights: unknown" and use.startswith("02 to 05 use it")
    again = command("--arm", ARMS[0])
    assert again.output.splitlines()[0].endswith(": was adopted already")


REFUSED = [
    ([], {}, "--arm is not said, and mine has several: torchscript float32, torchscript bfloat16"),
    (
        ["--arm", "neuron none"],
        {},
        "arm 'neuron none' is none of mine's .*nobody would ask it; .*'common.arms=",
    ),
    (["--arm", "neuron nine"], {}, "neuron takes precision"),
    (["--arm", ARMS[0], "--bucket", "1f"], {}, "--bucket '1f' is none of mine's; known: 1f-1q-8t"),
    (["--arm", ARMS[0], "--flags", "--a 'b"], {}, "No closing quotation; write it as a shell"),
    (["--arm", ARMS[0], "--neuronx-cc", "new"], {}, "'new'; expected a version such as 2.26.6360"),
    (
        [],
        {"component": "text_encode"},
        "--component 'text_encode'; did you mean 'text_encoder'",
    ),
]


@pytest.mark.parametrize(("words", "named", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_it_cannot_mean_is_refused_before_anything_is_written(command, words, named, message):
    """By its option, with what would do."""
    done = command(*words, **named, name="none")
    assert isinstance(done.exception, BadInput)
    with pytest.raises(BadInput, match=message):
        raise done.exception


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (None, None),
        ("", ()),
        ("--auto-cast-type fp16", ("--auto-cast-type", "fp16")),
        ("--a='b c'", ("--a=b c",)),
    ],
)
def test_flags_are_read_as_a_shell_reads_them(flags, words):
    """What was told nothing is not what nobody said."""
    assert words_of(flags) == words
    with pytest.raises(BadInput, match="expected options"):
        words_of("--a\x1b[2J")
