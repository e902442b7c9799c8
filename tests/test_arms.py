import pytest

from blipkit import machine
from blipkit.arms import DEVICES, DTYPES, RUNNERS, Arm, check_machine, parse_arm
from blipkit.errors import BadInput


def test_every_runner_is_a_file_of_its_name():
    """The table and the folder agree."""
    from pathlib import Path

    import blipkit.runners

    files = {path.stem for path in Path(blipkit.runners.__file__).parent.glob("*.py")}
    assert files - {"__init__", "base"} == set(RUNNERS) == set(DEVICES)


def test_number_formats_are_torchs():
    """Every name is one of torch's dtypes."""
    from blipkit.runners import base

    assert tuple(base.DTYPES) == DTYPES


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("torchscrip float32", "did you mean 'torchscript'"),
        ("torchscript float64", "takes dtype float32, bfloat16, float16; saw 'float64'"),
        ("torchscript", "expected a runner and a dtype"),
        ("torchscript float32 tpu", "takes device cpu, cuda; saw 'tpu'"),
        ("null float32 cuda", "takes device cpu; saw 'cuda'"),
        ("eager float16", "'eager float16 cuda'; on a CPU take float32 or bfloat16"),
    ],
)
def test_a_bad_arm_is_refused(arm, message):
    """Unknown runners and number formats are named with what is known."""
    with pytest.raises(BadInput, match=message):
        parse_arm(arm)


@pytest.mark.parametrize("text", ["torchscript float32", "eager float16 cuda"])
def test_an_arm_is_written_as_it_was_read(text):
    """The device is named where it is not the CPU."""
    assert str(parse_arm(text)) == text


def test_an_arm_that_this_machine_cannot_run_says_what_it_needs(monkeypatch):
    """It exists, so that its records can be read anywhere; running it is refused."""
    monkeypatch.setattr(machine, "describe", lambda: {"gpus": []})
    with pytest.raises(BadInput, match="'eager float16 cuda' needs an NVIDIA GPU; this machine shows none"):
        check_machine(parse_arm("eager float16 cuda"))
    check_machine(Arm("eager", "float32"))
