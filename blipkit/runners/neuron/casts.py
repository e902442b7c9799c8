"""What neuronx-cc's --auto-cast does to a component's numbers, on a CPU: an estimate, not a bound,
and not its times.

The component's ATen graph gets roundings where the compiler's reference says that it casts
(aws-neuron-sdk, compiler/neuronx-cc/api-reference-guide), and is then traced like any other:

- `none`: nowhere;
- `matmult`: what enters a matrix product or a convolution, which adds up in float32 and returns
  float32;
- `all`: also every weight, every input and every operation's result.

A rounded tensor stays float32 in memory. Within an operation (softmax, layer norm, GELU, a product
with its bias) numbers are float32, as with --enable-mixed-precision-accumulation, a default since
SDK 2.27. The compiler may do otherwise: keep more in float32 where it fuses operations, round a
tensor that its matrix engine transposes, add up in another order, approximate functions.
--enable-saturate-infinity is not emulated: what fp16 cannot hold becomes infinite.
"""

import copy
import warnings
from functools import lru_cache

import torch

from blipkit.errors import BadInput

# torch.export's own
warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec", category=FutureWarning)

aten = torch.ops.aten
OF_TWO = (aten.bmm, aten.convolution, aten.dot, aten.linear, aten.matmul, aten.mm, aten.mv)
# operation -> places of the operands that are multiplied; an added bias is none of them
PRODUCTS = {operation.default: (0, 1) for operation in OF_TWO}
PRODUCTS[aten.addmm.default] = (1, 2)


def to_bf16(x: torch.Tensor) -> torch.Tensor:
    """Round to 8 significant bits, with float32's exponents."""
    return x.to(torch.bfloat16).to(torch.float32)


def to_fp16(x: torch.Tensor) -> torch.Tensor:
    """Round to 11 significant bits, to fewer below 2**-14; from 65520 on it is infinite."""
    return x.to(torch.float16).to(torch.float32)


def to_tf32(x: torch.Tensor) -> torch.Tensor:
    """Round to 11 significant bits, with float32's exponents: the last 13 bits are dropped, ties go
    to even.
    """
    # torch.jit.trace cannot do x.view(torch.int32), 2.9 to 2.13
    bits = torch.view_copy(x, torch.int32)
    last_kept = (bits >> 13) & 1
    # a carry into the exponent is right, up to infinity
    rounded = (bits + 0x0FFF + last_kept) & ~0x1FFF
    return torch.where(x.isfinite(), torch.view_copy(rounded, torch.float32), x)


CASTS = {"bf16": to_bf16, "fp16": to_fp16, "tf32": to_tf32}


def export(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> torch.fx.GraphModule:
    """The module as a graph of core ATen operations, none of them in place; products stay whole. Of
    the inputs only shapes and dtypes matter.
    """
    return _export(module, tuple((x.shape, x.dtype) for x in inputs))


@torch.no_grad()
def check_export(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]
) -> torch.export.ExportedProgram:
    """What torch.export makes of a module; BadInput where it refuses it."""
    try:
        return torch.export.export(module, inputs)
    except Exception as error:  # torch.export can raise anything
        lines = [line.strip() for line in str(error).splitlines()]
        first = next(filter(None, lines), type(error).__name__)
        advice = (
            "expected fixed shapes and no branch on values: write it with torch.where, or "
            "leave these arms out"
        )
        raise BadInput(f"torch.export refused it ({first}); {advice}") from None


@lru_cache(maxsize=1)  # the arms of a component follow one another
@torch.no_grad()
def _export(module, shapes):
    inputs = tuple(torch.zeros(shape, dtype=dtype) for shape, dtype in shapes)
    table = torch.export.default_decompositions().items()
    rules = {operation: rule for operation, rule in table if operation not in PRODUCTS}
    exported = check_export(module, inputs).run_decompositions(rules).module()
    for node in list(exported.graph.nodes):
        # checks of the inputs, torch.export's own: they compute nothing, and a trace cannot record
        # them
        if node.op == "call_module" or node.target == aten._assert_tensor_metadata.default:
            exported.graph.erase_node(node)
    return torch.fx.GraphModule(exported, exported.graph).eval()


def emulate(exported: torch.fx.GraphModule, casts: str) -> torch.fx.GraphModule:
    """A copy of an exported graph with the roundings of `casts`, such as "matmult bf16"; it shares
    the weights.
    """
    mode, _, cast = casts.partition(" ")
    graph = copy.deepcopy(exported.graph)
    if mode == "matmult":
        cast_products(graph, CASTS[cast])
    elif mode == "all":
        cast_everything(graph, CASTS[cast])
    return torch.fx.GraphModule(exported, graph).eval()


def cast_products(graph: torch.fx.Graph, cast) -> None:
    """Round what enters a product; refuse an operation that may hide one."""
    for node in graph.nodes:
        tags = getattr(node.target, "tags", [torch.Tag.core])
        if node.target not in PRODUCTS and torch.Tag.core not in tags:
            advice = "write it with matmul, linear or a convolution, or use auto-cast all"
            raise BadInput(
                f"{node.target} is no core ATen operation and may hide a matrix product; {advice}"
            )
        for place in PRODUCTS.get(node.target, ()):
            if is_float32(node.args[place]):
                with graph.inserting_before(node):
                    node.update_arg(place, graph.call_function(cast, (node.args[place],)))


def cast_everything(graph: torch.fx.Graph, cast) -> None:
    """Round every float32 tensor where it comes from: weights, inputs, results."""
    for node in list(graph.nodes):
        if is_float32(node):
            with graph.inserting_after(node):
                rounded = graph.call_function(cast, (node,))
            node.replace_all_uses_with(
                rounded, delete_user_cb=lambda user, rounded=rounded: user is not rounded
            )


def is_float32(node: torch.fx.Node) -> bool:
    return getattr(node.meta.get("val"), "dtype", None) == torch.float32
