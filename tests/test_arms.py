import pytest

from blipkit import machine
from blipkit.arms import DTYPES, RUNNERS, check_arm, parse_arm
from blipkit.errors import BadInput


def test_every_runner_is_a_file_of_its_name():
    """The table and the folder agree."""
    from pathlib import Path

    import blipkit.runners

    files = {path.stem for path in Path(blipkit.runners.__file__).parent.glob("*.py")}
    assert files - {"__init__", "base"} == set(RUNNERS)


def test_number_formats_are_torchs():
    """Every name is one of torch's dtypes."""
    from blipkit.runners import base

    assert tuple(base.DTYPES) == DTYPES


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("torchscrip float32", "did you mean 'torchscript'"),
        ("torchscript float64", "takes float32, bfloat16, float16; saw 'float64'"),
        ("torchscript", "expected a runner and a dtype"),
    ],
)
def test_a_bad_arm_is_refused(arm, message):
    """Unknown runners and number formats are named with what is known."""
    with pytest.raises(BadInput, match=message):
        parse_arm(arm)


@pytest.mark.skipif(bool(machine.describe()["gpus"]), reason="this machine has a GPU")
def test_float16_without_a_gpu_says_what_it_needs():
    """An arm that this machine cannot run is refused with the alternative."""
    with pytest.raises(BadInput, match="needs an NVIDIA GPU.*float32 or bfloat16"):
        check_arm("torchscript", "float16")
