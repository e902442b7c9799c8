"""What a runner's file is told, rows of what was compiled, and failures, with fields as a test needs them."""

from pathlib import Path

from blipkit import Bucket
from blipkit.runners.arms import parse_arm
from blipkit.runners.artifacts import CompiledComponent, CompileJob
from blipkit.runners.compile import Failure
from blipkit.runners.spec import Build

BUCKET = Bucket(1, 2, 8, 2, 3)


def build(**fields) -> Build:
    """What a compiled file is built from: of torchscript, in float32, on the CPU."""
    defaults = {
        "component": "image_encoder",
        "runner": "torchscript",
        "precision": "float32",
        "device": "cpu",
        "weights_digest": "",
        "code_digest": "",
        "input_shapes": {},
        "output_shape": [],
        "flags": {},
        "versions": {},
    }
    return Build(**(defaults | fields))


def compiled_row(**fields) -> CompiledComponent:
    """An image encoder that took 3 s and 2 MB, of 1.6 MB of weights."""
    defaults = {
        "arm": "torchscript float32",
        "component": "image_encoder",
        "bucket": str(BUCKET),
        "predicted_mb": 1.6,
        "mb": 2.0,
        "seconds": 3.0,
        "skipped": False,
    }
    return CompiledComponent(**(defaults | fields))


def failed_row(arm: str, reason: str = "it died") -> CompiledComponent:
    """A text encoder that could not be compiled for an arm."""
    return CompiledComponent(arm, "text_encoder", str(BUCKET), predicted_mb=2.0, failed=reason)


def failure(arm: str, component: str, reason: str) -> Failure:
    """A component that could not be compiled, as `trace_arms` reports it."""
    return Failure(CompileJob(component, BUCKET, parse_arm(arm), Path("artifact")), reason)
