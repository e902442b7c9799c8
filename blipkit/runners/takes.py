"""What a compiled file takes, found out before it is trusted: its inputs' shapes and formats are
those of one component in one bucket, and where it runs here, a call shows it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blipkit.errors import BadInput, nearest, shown
from blipkit.model.buckets import Bucket
from blipkit.model.components import Component, isolate
from blipkit.reading.files import shown_path
from blipkit.reading.traced_file import STORAGES, TracedFile

FLOATS = ("float32", "bfloat16", "float16")
INTEGERS = ("int32", "int64")
# component -> the inputs of transformers' own submodule, where ours has fewer
THEIRS = {"text_decoder": ("answer_ids", "answer_mask", "question_states", "question_mask")}
EXAMPLE = "--dtypes int64,int64,float32,int64"


@dataclass(frozen=True)
class Takes:
    """bucket: whose shapes a file has; dtypes: its inputs, in its order -> their formats."""

    bucket: Bucket
    dtypes: dict[str, str]


@dataclass(frozen=True)
class Form:
    """A way in which a component may be called: a bucket, and each input's shape there."""

    bucket: Bucket
    shapes: dict[str, tuple[int, ...]]

    def __str__(self) -> str:
        inputs = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"{len(self.shapes)}: {inputs}"


def forms_of(component: Component, buckets: Iterable[Bucket]) -> list[Form]:
    """Every way in which a component may be called in these buckets."""
    forms = []
    for bucket in buckets:
        own = {name: shape for name, (shape, _) in component.input_shapes(bucket).items()}
        forms.append(Form(bucket, own))
        if component.name in THEIRS:
            shapes = {**own, "answer_mask": own["answer_ids"]}
            forms.append(Form(bucket, {name: shapes[name] for name in THEIRS[component.name]}))
    return forms


def find_takes(
    file: Path,
    component: Component,
    traced: TracedFile,
    dtypes: Sequence[str],
    buckets: Sequence[Bucket],
) -> Takes:
    """What a file takes: by what it says of itself, else by `dtypes`, which must agree with it.

    BadInput where that is not the component in one of the buckets.
    """
    if traced.inputs is not None:
        form = _form_traced(file, component, traced, buckets)
        recorded = [tensor.dtype for tensor in traced.inputs]
        if dtypes and list(dtypes) != recorded:
            seen = f"--dtypes says {','.join(dtypes)}, {shown_path(file)} was traced with"
            raise BadInput(f"{seen} {','.join(recorded)}; leave --dtypes out")
        dtypes = recorded
    else:
        form = _form_said(file, component, dtypes, buckets)
    named = dict(zip(form.shapes, dtypes, strict=True))
    for name, dtype in named.items():
        _check_dtype(f"{component.name}.{name}", name, dtype)
    return Takes(form.bucket, named)


def _form_traced(
    file: Path, component: Component, traced: TracedFile, buckets: Sequence[Bucket]
) -> Form:
    """The form that has the very shapes that a file was traced with."""
    shapes = [tensor.shape for tensor in traced.inputs]
    forms = forms_of(component, buckets)
    for form in forms:
        if list(form.shapes.values()) == shapes:
            return form
    seen = ", ".join(map(str, traced.inputs)) or "none"
    problem = f"the inputs of {shown_path(file)} are {len(shapes)}: {seen}"
    expected = f"those of {component.name} are {' or '.join(map(str, forms[:2]))}"
    raise BadInput(f"{problem}\n{expected}\n{_advice(component, shapes, buckets)}")


def _advice(component: Component, shapes: list, buckets: Sequence[Bucket]) -> str:
    """What to do about a file whose shapes are not the component's: it may be another one."""
    for other in isolate(component.checkpoint):
        for form in forms_of(other, buckets):
            if list(form.shapes.values()) == shapes:
                return f"these are {other.name}'s: --component {other.name}"
    known = ", ".join(map(str, buckets))
    return f"compile it for a bucket of the profile ({known}), or add its sizes to common.buckets"


def _form_said(
    file: Path, component: Component, dtypes: Sequence[str], buckets: Sequence[Bucket]
) -> Form:
    """The form of a file that does not say its shapes, by how many formats were named."""
    forms = forms_of(component, buckets)
    problem = f"{shown_path(file)} does not say what it was traced with"
    if not dtypes:
        expected = f"expected a format for each input of {component.name} ({forms[0]})"
        raise BadInput(f"{problem}; {expected}, such as {EXAMPLE}")
    fitting = [form for form in forms if len(form.shapes) == len(dtypes)]
    if not fitting:
        raise BadInput(f"--dtypes names {len(dtypes)} formats, {component.name} takes {forms[0]}")
    if any(form.shapes != fitting[0].shapes for form in fitting):
        known = ", ".join(str(form.bucket) for form in fitting)
        raise BadInput(f"{problem}, and there are several buckets; say --bucket, one of {known}")
    return fitting[0]


def _check_dtype(what: str, name: str, dtype: str) -> None:
    """Refuse a format that an input cannot have: ids are integers, states and pixels are not."""
    formats = STORAGES.values()
    if dtype not in formats:
        raise BadInput(f"{what}: {shown(dtype)} is no number format; {nearest(dtype, formats)}")
    expected = FLOATS
    if name.endswith("ids"):
        expected = INTEGERS
    elif name.endswith("mask"):  # compilers take one as they get it
        expected = tuple(formats)
    if dtype not in expected:
        raise BadInput(f"{what} is {dtype}; expected {' or '.join(expected)}: is it another input?")


def check_call(file: Path, component: Component, takes: Takes, device: str) -> None:
    """Call a file as its component will be called, on a device of torch's; BadInput where it does
    not run, or returns something else.
    """
    import torch

    from blipkit.model.outputs import first_tensor
    from blipkit.runners.tensors import in_formats

    names = component.input_shapes(takes.bucket)
    examples = dict(zip(names, component.example_inputs(takes.bucket), strict=True))
    inputs = in_formats(examples, takes.dtypes, device)
    try:
        with torch.inference_mode():
            output = first_tensor(torch.jit.load(file, map_location=device)(*inputs))
    except Exception as error:  # whatever the module raises, or torch about it
        called = ", ".join(f"{name} {dtype}" for name, dtype in takes.dtypes.items())
        problem = f"{shown_path(file)}, called as {component.name} with {called}"
        # torch says where first, and what at the end
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        advice = "is it of this component, with these formats?"
        raise BadInput(f"{problem}\nfailed: {reason}; {advice}") from None
    shape, expected = tuple(output.shape), tuple(component.output_shape(takes.bucket))
    if shape != expected or not output.is_floating_point():
        problem = f"{shown_path(file)} returned {output.dtype} {shape}"
        wanted = f"{component.name} returns floats {expected}"
        raise BadInput(f"{problem}; {wanted}: name the component that it is: --component")
