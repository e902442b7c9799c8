"""A drawing of the components, and of the tensors that go from one to the next."""

from dataclasses import asdict, dataclass

from blipkit.display.figures import COLOURS, axes, show
from blipkit.model.buckets import Bucket
from blipkit.model.components import Components, tensor_shapes

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
    shapes = tensor_shapes(next(iter(components)).checkpoint.config, bucket)
    made_by = {component.output_names[0]: component.name for component in components}
    taken = [(name, one.name) for one in components for name in one.input_shapes(bucket)]
    results = [(name, "") for name in made_by if name not in dict(taken)]
    found = []
    for name, taken_by in [*taken, *results]:
        shape, dtype = shapes[name]
        kind = str(dtype).removeprefix("torch.")
        found.append(Flow(name, str(tuple(shape)), kind, made_by.get(name, REQUEST), taken_by))
    return found


def draw_components(components: Components, bucket: Bucket) -> None:
    """Show components as boxes, tensors between them as arrows, other inputs from below."""
    moving = flows(components, bucket)
    figure, ax = axes(f"The components, in the bucket {bucket}", "", "", SIZE)
    ax.set_axis_off()
    for place, component in enumerate(components):
        left = place * STEP
        _box(ax, left, f"{component.name}\n{component.weights / 1e6:.2f} M weights", COLOURS[place])
        taken = [one for one in moving if one.taken_by == component.name]
        # the first component is fed from the left by the request, the others by the one before
        along = [one for one in taken if one.made_by != REQUEST] or taken[:1]
        _arrow_from_left(ax, left, along[0])
        _arrow_from_below(ax, left, [one for one in taken if one not in along])
    _arrow_from_left(ax, len(components) * STEP, moving[-1])
    ax.set(xlim=(-REACH - 0.1, len(components) * STEP + 0.1), ylim=(0.25, 2.6))
    show(figure, _caption(moving), [asdict(one) for one in moving], detail=True)


def _caption(moving: list[Flow]) -> str:
    """The way of the data in words, with its shapes."""
    made = [one for one in moving if one.made_by != REQUEST]
    steps = [f"{one.made_by} makes {one.tensor} {one.shape}" for one in made]
    return f"From {moving[0].tensor} {moving[0].shape}, {', '.join(steps)}."


def _box(ax, left: float, words: str, colour: str) -> None:
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


def _arrow_from_left(ax, left: float, one: Flow) -> None:
    """An arrow that ends at a box's left side, the tensor's name over it, its shape under it."""
    start = left - REACH
    ax.annotate("", (left, MIDDLE), (start, MIDDLE), arrowprops=ARROW)
    centre = (left + start) / 2 - 0.05
    ax.text(centre, MIDDLE + 0.1, one.tensor, ha="center", va="bottom", fontsize=8)
    ax.text(centre, MIDDLE - 0.1, one.shape, ha="center", va="top", fontsize=8)


def _arrow_from_below(ax, left: float, several: list[Flow]) -> None:
    """An arrow that ends at a box's lower side, with what it stands for under it."""
    if not several:
        return
    centre = left + WIDTH / 2
    low = MIDDLE - HEIGHT / 2
    ax.annotate("", (centre, low), (centre, 0.95), arrowprops=ARROW)
    words = "\n".join(f"{one.tensor} {one.shape}" for one in several)
    ax.text(centre, 0.9, words, ha="center", va="top", fontsize=8)
