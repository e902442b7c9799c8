"""Do the components add up to the whole?

Each adapter is compared with the submodule that it wraps, the pipeline with unpadded answers. The
rows are records of kinds `components` and `padding`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from blipkit.records.typed import measure_typed, records_of

UNDECIDED = 1e-5  # nats: rounding in another order may turn an answer whose margin is smaller
ROUNDINGS = 32 * 2.0**-24  # of a score, which sums in another order may move it by
# gates
ADAPTERS_EQUAL = "wrappers equal submodules"
PIPELINE_EQUALS = "pipeline equals transformers"


@dataclass(frozen=True)
class AdapterDifference:
    """How far a component's adapter is from its submodule.

    weights: how many it has; output: the name of what comes out; max_difference: the largest
    absolute difference of an element of it.
    """

    component: str
    weights: int
    output: str
    max_difference: float


@dataclass(frozen=True)
class AdapterDifferences:
    """A row for each component; none where a replay's folder has no record of them."""

    rows: list[AdapterDifference]

    def table(self) -> None:
        """Show the components with their differences."""
        caption = "Largest difference between adapter and submodule"
        if not self.rows:
            print(f"{caption}: not recorded")
            return
        show_table(records_of(self.rows), caption)

    def gates(self) -> list[Gate]:
        """PASS where every adapter is its submodule, bit for bit."""
        if not self.rows:
            return [not_recorded(ADAPTERS_EQUAL, "answer")]
        worst = max(row.max_difference for row in self.rows)
        return [judge(ADAPTERS_EQUAL, "answer", worst, 0.0, reason="largest difference")]


@dataclass(frozen=True)
class Padding:
    """What padding changed on so many frames, with so many questions with candidates about each.

    wrong: how many answers differ from the unpadded ones where these are decided;
    largest_difference: of a candidate's score, padded from unpadded, nats; largest_score: the
    furthest from zero of these scores, nats, 0 where an older kit did not keep it.
    """

    frames: int
    questions: int
    wrong: int
    largest_difference: float
    largest_score: float = 0.0

    @property
    def rounding(self) -> float:
        """How far rounding may move a score, nats."""
        return max(UNDECIDED, ROUNDINGS * self.largest_score)


@dataclass(frozen=True)
class PaddingCheck:
    """padding: what it changed; None where a replay's folder has no record of it."""

    padding: Padding | None

    def table(self) -> None:
        """Say how many answers differ, and by how much their scores do."""
        if self.padding is None:
            print("padded against unpadded: not recorded")
            return
        count = f"{self.padding.frames} frames, {self.padding.questions} questions"
        largest = f"largest difference of a score {self.padding.largest_difference:.1e} nats"
        print(f"{count} with candidates each: {self.padding.wrong} answers differ, {largest}")

    def gates(self) -> list[Gate]:
        """PASS where no answer differs from a decided unpadded one, and no score by more than
        rounding: a fault of what all arms share shows here alone.
        """
        if self.padding is None:
            return [not_recorded(PIPELINE_EQUALS, "answer")]
        if not self.padding.questions:
            reason = "no question with candidates was asked"
            return [not_run(PIPELINE_EQUALS, "answer", reason, "add one to common.questions")]
        wrong = self.padding.wrong
        if not wrong and self.padding.largest_difference > self.padding.rounding:
            return [self._scores_gate()]
        reason = f"answers on {self.padding.frames} frames that differ from unpadded transformers"
        advice = "look at the masks"
        return [judge(PIPELINE_EQUALS, "answer", wrong, 0, reason=reason, next=advice)]

    def _scores_gate(self) -> Gate:
        """Whether scores differ by no more than rounding, though no answer does."""
        return judge(
            PIPELINE_EQUALS,
            "answer",
            self.padding.largest_difference,
            self.padding.rounding,
            reason="nats that a score differs by from unpadded transformers: no rounding",
            next="are the start and end tokens scored alike, and are the masks the same?",
        )


def compare_adapters(
    results: Results,
    checkpoint: Checkpoint,
    frame: Frame,
    question: Question,
) -> AdapterDifferences:
    """How far each adapter's output is from its submodule's, for one question about one frame."""

    def measured() -> list[AdapterDifference]:
        calls = submodule_calls(checkpoint, frame, question)
        rows = []
        for component, call in zip(isolate(checkpoint), calls, strict=True):
            with torch.inference_mode():
                output = component.module(*call.inputs)
            difference = (output - call.output).abs().max().item()
            name = component.output_names[0]
            rows.append(AdapterDifference(component.name, component.weights, name, difference))
        return rows

    return AdapterDifferences(measure_typed(results, "components", AdapterDifference, measured))


@dataclass(frozen=True)
class SubmoduleCall:
    """What a component's adapter takes, and what its submodule makes of the same."""

    inputs: tuple[torch.Tensor, ...]
    output: torch.Tensor


@torch.inference_mode()
def submodule_calls(
    checkpoint: Checkpoint, frame: Frame, question: Question
) -> list[SubmoduleCall]:
    """A call for each component, in their order, of one question about one frame, unpadded."""
    model = checkpoint.model
    processor = checkpoint.processor
    pixels = processor.image_processor([frame.image], return_tensors="pt")["pixel_values"]
    words = processor.tokenizer(question.text, return_tensors="pt")
    ids, mask = words.input_ids, words.attention_mask
    start = torch.tensor([[checkpoint.config.text_config.bos_token_id]])

    image = model.vision_model(pixels).last_hidden_state
    encoded = model.text_encoder(ids, attention_mask=mask, encoder_hidden_states=image)
    states = encoded.last_hidden_state
    decoded = model.text_decoder(start, encoder_hidden_states=states, use_cache=False)

    image_mask = torch.ones(image.shape[:2], dtype=IDS)
    return [
        SubmoduleCall((pixels,), image),
        SubmoduleCall((ids, mask, image, image_mask), states),
        SubmoduleCall((start, states, mask), decoded.logits),
    ]


def check_padding(
    results: Results,
    pipeline: Pipeline,
    frames: Sequence[Frame],
    questions: Sequence[Question],
    truth: Callable[[Image.Image, Question], Sequence[float]],
) -> PaddingCheck:
    """Compare the pipeline, which pads to its bucket, with unpadded scores on every frame.

    Open questions are left out. truth(image, question): the unpadded log-likelihood of each
    candidate, nats.
    """

    def measured() -> list[Padding]:
        ranked = [question for question in questions if question.candidates]
        wrong = 0
        largest = largest_score = 0.0
        answers = pipeline.answer(images(frames), ranked)
        for frame, row in zip(frames, answers, strict=True):
            for question, answer in zip(ranked, row, strict=True):
                scores = truth(frame.image, question)
                expected = ranked_answer(question, torch.tensor(scores))
                if answer.text != expected.text and expected.margin > UNDECIDED:
                    wrong += 1
                differences = (abs(a - b) for a, b in zip(answer.scores, scores, strict=True))
                largest = max(largest, *differences)
                largest_score = max(largest_score, *map(abs, scores))
        return [Padding(len(frames), len(ranked), wrong, largest, largest_score)]

    rows = measure_typed(results, "padding", Padding, measured)
    return PaddingCheck(rows[0] if rows else None)
