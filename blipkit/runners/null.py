"""Does nothing, at the right shapes: what it takes is the kit's own overhead."""

import torch

from blipkit.runners.base import DTYPES


def load(path, manifest, module):
    zeros = torch.zeros(manifest["output_shape"], dtype=DTYPES[manifest["dtype"]])
    return lambda *inputs: zeros
