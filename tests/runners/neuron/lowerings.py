"""Made-up rows of what components lower to."""

from blipkit.runners.neuron.lowering import Lowering


def row(transformers, bucket="b", **operations) -> Lowering:
    """A component that lowered to these operations, with this version of transformers."""
    return Lowering(
        component="c",
        bucket=bucket,
        operations=operations,
        int64={},
        relative_l2=1e-7,
        seconds=1.0,
        status="PASS",
        findings=[],
        stack={"transformers": transformers},
    )
