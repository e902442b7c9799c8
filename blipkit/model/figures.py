"""A drawing of the components and of the tensors that go from one to the next, and a table of the
calls that a request takes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from blipkit.display.figures import COLOURS, axes, show
from blipkit.display.tables import show_table
from blipkit.model.buckets import Bucket
from blipkit.model.components import Components, tensor_shapes
from blipkit.model.pipeline import Step

SIZE = (10.0, 2.9)  # inches
# In the drawing's own units: a box, the distance between two left sides, how far arrows reach
WIDTH, HEIGHT, STEP, REACH = 1.7, 0.9, 3.2, 1.5
MIDDLE = 2.0  # height of the boxes' middle
ARROW = {"arrowstyle": "-|>", "linewidth": 1.5, "color": "black"}
REQUEST = "request"  # where a tensor comes from that no component made


@dataclass(frozen=True)
class Flow:
    """A tensor on its way: what made it, and which component takes it, "" for the result."""

    tensor: str
    shape: str
    dtype: str
    made_by: str
    taken_by: str


def flows(components: Components, bucket: Bucket) -> list[Flow]:
    """Every tensor into and out of the components in a bucket, in the order that data takes."""
    shapes = tensor_shapes(components.checkpoint.config, bucket)
    makers = {component.output_names[0]: component.name for component in components}
    inputs = [
        (name, component.name)
        for component in components
        for name in component.input_shapes(bucket)
    ]
    results = [(name, "") for name in makers if name not in dict(inputs)]
    rows = []
    for name, taken_by in [*inputs, *results]:
        shape, dtype = shapes[name]
        dtype_name = str(dtype).removeprefix("torch.")
        rows.append(Flow(name, str(shape), dtype_name, makers.get(name, REQUEST), taken_by))
    return rows


def draw_components(components: Components, bucket: Bucket) -> None:
    """Show components as boxes, tensors between them as arrows, other inputs from below."""
    drawn = flows(components, bucket)
    figure, ax = axes(f"The components, in the bucket {bucket}", "", "", SIZE)
    ax.set_axis_off()
    for place, component in enumerate(components):
        left = place * STEP
        _box(ax, left, f"{component.name}\n{component.weights / 1e6:.2f} M weights", COLOURS[place])
        inputs = [flow for flow in drawn if flow.taken_by == component.name]
        # the first component is fed from the left by the request, the others by the one before
        from_left = [flow for flow in inputs if flow.made_by != REQUEST] or inputs[:1]
        _arrow_from_left(ax, left, from_left[0])
        _arrow_from_below(ax, left, [flow for flow in inputs if flow not in from_left])
    _arrow_from_left(ax, len(components) * STEP, drawn[-1])
    ax.set(xlim=(-REACH - 0.1, len(components) * STEP + 0.1), ylim=(0.25, 2.6))
    show(figure, _caption(drawn), [asdict(flow) for flow in drawn], detail=True)


def show_steps(steps: Sequence[Step]) -> None:
    """Show each call of a component with the shapes of what went in and of what came out."""
    rows = [
        {
            "component": step.component,
            "inputs": ", ".join(str(tuple(tensor.shape)) for tensor in step.inputs),
            "output": str(tuple(step.output.shape)),
            "output_kib": step.output.nbytes / 1024,
        }
        for step in steps
    ]
    show_table(rows, "One frame with all its questions, call by call")


def _caption(drawn: list[Flow]) -> str:
    """The way of the data in words, with its shapes."""
    outputs = [flow for flow in drawn if flow.made_by != REQUEST]
    steps = [f"{flow.made_by} makes {flow.tensor} {flow.shape}" for flow in outputs]
    return f"From {drawn[0].tensor} {drawn[0].shape}, {', '.join(steps)}."


def _box(ax, left: float, words: str, colour: str) -> None:
    """A component: a box with words in it."""
    from matplotlib.patches import FancyBboxPatch

    low = MIDDLE - HEIGHT / 2
    style = "round,pad=0.02,rounding_size=0.12"
    box = FancyBboxPatch(
        (left, low),
        WIDTH,
        HEIGHT,
        boxstyle=style,
        facecolor="white",
        edgecolor=colour,
        linewidth=2,
    )
    ax.add_patch(box)
    ax.text(left + WIDTH / 2, MIDDLE, words, ha="center", va="center", fontsize=9)


def _arrow_from_left(ax, left: float, flow: Flow) -> None:
    """An arrow that ends at a box's left side, the tensor's name over it, its shape under it."""
    start = left - REACH
    ax.annotate("", (left, MIDDLE), (start, MIDDLE), arrowprops=ARROW)
    centre = (left + start) / 2 - 0.05
    ax.text(centre, MIDDLE + 0.1, flow.tensor, ha="center", va="bottom", fontsize=8)
    ax.text(centre, MIDDLE - 0.1, flow.shape, ha="center", va="top", fontsize=8)


def _arrow_from_below(ax, left: float, inputs: list[Flow]) -> None:
    """An arrow that ends at a box's lower side, with the tensors that it stands for under it."""
    if not inputs:
        return
    centre = left + WIDTH / 2
    low = MIDDLE - HEIGHT / 2
    ax.annotate("", (centre, low), (centre, 0.95), arrowprops=ARROW)
    words = "\n".join(f"{flow.tensor} {flow.shape}" for flow in inputs)
    ax.text(centre, 0.9, words, ha="center", va="top", fontsize=8)
