"""Do the components add up to the whole?

An adapter is held against transformers' submodule, the pipeline against unpadded answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch
from PIL import Image

from blipkit.display.tables import show_table
from blipkit.frames.frames import Frame, images
from blipkit.frames.questions import Question
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import IDS, isolate
from blipkit.model.pipeline import Pipeline, ranked_answer
from blipkit.records.gates import Gate, judge, not_recorded, not_run
from blipkit.records.results import Results
from blipkit.records.typed import measure_typed

UNDECIDED = 1e-5  # nats: rounding in another order may turn an answer whose margin is smaller


@dataclass(frozen=True)
class Adapter:
    """One component: weights, its output's name, the largest difference from its submodule."""

    component: str
    weights: int
    output: str
    max_difference: float


@dataclass(frozen=True)
class Adapters:
    """A row for each component; none where a replay's folder has no record of them."""

    rows: list[Adapter]

    def table(self) -> None:
        """Show the components with their differences."""
        caption = "Largest difference between adapter and submodule"
        if not self.rows:
            print(f"{caption}: not recorded")
            return
        show_table([asdict(row) for row in self.rows], caption)

    def gates(self) -> list[Gate]:
        """PASS where every adapter is its submodule, bit for bit."""
        name = "wrappers equal submodules"
        if not self.rows:
            return [not_recorded(name, "answer")]
        worst = max(row.max_difference for row in self.rows)
        return [judge(name, "answer", worst, 0.0, reason="largest difference")]


@dataclass(frozen=True)
class Padding:
    """Frames, questions with candidates; wrong: answers that differ though the truth is decided.

    largest_difference: of a candidate's score from the truth's, nats.
    """

    frames: int
    questions: int
    wrong: int
    largest_difference: float


@dataclass(frozen=True)
class PaddingCheck:
    """What padding changed; None where a replay's folder has no record of it."""

    found: Padding | None

    def table(self) -> None:
        """Say how many answers differ, and by how much their scores do."""
        if self.found is None:
            print("padded against unpadded: not recorded")
            return
        asked = f"{self.found.frames} frames, {self.found.questions} questions with candidates each"
        largest = f"largest difference of a score {self.found.largest_difference:.1e} nats"
        print(f"{asked}: {self.found.wrong} answers differ, {largest}")

    def gates(self) -> list[Gate]:
        """PASS where no answer differs that the truth is sure of."""
        name = "pipeline equals transformers"
        if self.found is None:
            return [not_recorded(name, "answer")]
        if not self.found.questions:
            reason = "no question with candidates was asked"
            return [not_run(name, "answer", reason, "add one to common.questions")]
        reason = f"answers on {self.found.frames} frames that differ from unpadded transformers"
        advice = "look at the masks"
        return [judge(name, "answer", self.found.wrong, 0, reason=reason, next=advice)]


def compare_adapters(
    results: Results,
    checkpoint: Checkpoint,
    frame: Frame,
    question: Question,
) -> Adapters:
    """Ask each adapter and its submodule the same about one frame; keep how far they are apart."""

    def measured() -> list[Adapter]:
        given, expected = submodule_calls(checkpoint, frame, question)
        rows = []
        for component in isolate(checkpoint):
            with torch.inference_mode():
                output = component.module(*given[component.name])
            difference = (output - expected[component.name]).abs().max().item()
            name = component.output_names[0]
            rows.append(Adapter(component.name, component.weights, name, difference))
        return rows

    return Adapters(measure_typed(results, "components", Adapter, measured))


@torch.inference_mode()
def submodule_calls(checkpoint: Checkpoint, frame: Frame, question: Question) -> tuple[dict, dict]:
    """Component -> what its adapter gets, and component -> what its submodule makes of the same."""
    model = checkpoint.model
    processor = checkpoint.processor
    pixels = processor.image_processor([frame.image], return_tensors="pt")["pixel_values"]
    words = processor.tokenizer(question.text, return_tensors="pt")
    ids, mask = words.input_ids, words.attention_mask
    start = torch.tensor([[checkpoint.config.text_config.bos_token_id]])

    image = model.vision_model(pixels).last_hidden_state
    read = model.text_encoder(ids, attention_mask=mask, encoder_hidden_states=image)
    states = read.last_hidden_state
    written = model.text_decoder(start, encoder_hidden_states=states, use_cache=False)

    image_mask = torch.ones(image.shape[:2], dtype=IDS)
    given = {
        "image_encoder": (pixels,),
        "text_encoder": (ids, mask, image, image_mask),
        "text_decoder": (start, states, mask),
    }
    expected = {"image_encoder": image, "text_encoder": states, "text_decoder": written.logits}
    return given, expected


def check_padding(
    results: Results,
    pipeline: Pipeline,
    frames: Sequence[Frame],
    questions: Sequence[Question],
    truth: Callable[[Image.Image, Question], Sequence[float]],
) -> PaddingCheck:
    """Compare the pipeline, which pads to its bucket, with unpadded scores on every frame.

    Open questions are left out. truth: the log-likelihood of each candidate about an image, nats.
    """

    def measured() -> list[Padding]:
        ranked = [question for question in questions if question.candidates]
        wrong = 0
        largest = 0.0
        answers = pipeline.answer(images(frames), ranked)
        for frame, row in zip(frames, answers, strict=True):
            for question, answer in zip(ranked, row, strict=True):
                scores = truth(frame.image, question)
                expected = ranked_answer(question, torch.tensor(scores))
                if answer.text != expected.text and expected.margin > UNDECIDED:
                    wrong += 1
                differences = (abs(a - b) for a, b in zip(answer.scores, scores, strict=True))
                largest = max(largest, *differences)
        return [Padding(len(frames), len(ranked), wrong, largest)]

    rows = measure_typed(results, "padding", Padding, measured)
    return PaddingCheck(rows[0] if rows else None)
