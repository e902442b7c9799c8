import base64
import re

from studies import displayed

from blipkit import Bucket, assemble, isolate, trace
from blipkit.frames.frames import images, synthetic_frames
from blipkit.model.components import tensor_shapes
from blipkit.model.figures import draw_components, flows, show_steps


def test_every_tensor_of_every_component_is_on_its_way(checkpoint):
    """What one makes the next takes, with one shape; the rest comes with the request; the last one's is the result."""
    components, bucket = isolate(checkpoint), Bucket(2, 3, 6, 2, 4)
    drawn = flows(components, bucket)
    taken = [(flow.taken_by, flow.tensor) for flow in drawn if flow.taken_by]
    assert taken == [(c.name, name) for c in components for name in c.input_shapes(bucket)]
    outputs = {
        flow.tensor: (flow.made_by, flow.taken_by) for flow in drawn if flow.made_by != "request"
    }
    assert outputs == {
        "image_states": ("image_encoder", "text_encoder"),
        "question_states": ("text_encoder", "text_decoder"),
        "logits": ("text_decoder", ""),
    }
    shapes = tensor_shapes(checkpoint.config, bucket)
    assert {flow.tensor: flow.shape for flow in drawn} == {
        name: str(shapes[name][0]) for name in shapes
    }


def test_the_drawing_has_boxes_names_and_shapes(small, monkeypatch):
    """A picture with its caption and, under it, each tensor; it is the chapter's, not the report's head's."""
    shown = displayed(monkeypatch)
    draw_components(isolate(small), Bucket(1, 5, 8, 2, 4))
    ((page, caption),) = shown
    assert (
        page.startswith('<figure class="detail">') and f"<figcaption>{caption}</figcaption>" in page
    )
    assert re.fullmatch(
        r"From pixel_values \(1, 3, 40, 40\), image_encoder makes image_states .*, text_decoder makes logits .*\.",
        caption,
    )
    assert page.count("<td>image_encoder</td>") == 2 and "attention_mask" in page
    svg = base64.b64decode(page.partition("base64,")[2].partition('"')[0]).decode()
    assert "<svg" in svg and svg.count('id="patch_') > 3


def test_a_requests_calls_are_shown_with_their_shapes(small, artifact_root, monkeypatch):
    """A line for each call; what came out of it, and how many KiB that is."""
    artifacts = trace(isolate(small), artifact_root, "eager", shapes=Bucket(1, 2, 8, 2, 3))
    frames = images(synthetic_frames(1, 5))
    steps = assemble(small, artifacts).walk(frames, ["is the dog barking?"])
    shown = displayed(monkeypatch)
    show_steps(steps)
    ((page, text),) = shown
    assert page.count("<tr>") == len(steps) == 3
    assert str(tuple(steps[0].output.shape)) in text and "output_kib" in text
