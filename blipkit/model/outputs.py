"""What comes out of a module that somebody traced: a tensor, or several in a container."""

from typing import Any

import torch

from blipkit.errors import BlipkitError


def first_tensor(output: Any) -> torch.Tensor:
    """The tensor that a traced module returned, or the first of several, in a list or a dict."""
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (list, tuple)) and output:
        output = output[0]
    if isinstance(output, torch.Tensor):
        return output
    raise BlipkitError(f"a traced module returned {type(output).__name__}; expected a tensor")
