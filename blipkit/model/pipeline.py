"""The components put back together: questions about frames in, answers out.

Requests are padded to the smallest bucket that fits. The image is encoded once for all questions of
a frame. Answers with candidates are ranked in one decoder pass by the summed log-likelihood of
their tokens and end token; open answers are greedy. The padded path hands the real question mask to
the decoder, so that padding changes no answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch

from blipkit.frames.questions import Question, tokenise
from blipkit.model.buckets import Bucket, choose_bucket
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import IDS, Component


class Stage(Protocol):
    """A component that can be called: positional tensors of its bucket's shapes in, one tensor
    out.
    """

    component: Component
    bucket: Bucket

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class Answer:
    """text; probability among the candidates (open: of the whole answer); margin to the runner-up.

    margin: difference of the two best candidates' log-likelihoods, in nats (open: the smallest gap
    between the two best logits on the way). What is below the number format's error can flip.
    scores: log-likelihood of each candidate, nats; tokens: those of an open answer, its end token
    included; gaps: at each, between the two best logits.
    """

    text: str
    probability: float
    margin: float
    scores: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()
    gaps: tuple[float, ...] = ()


@dataclass(frozen=True)
class Step:
    """One call of a component while a request was answered."""

    component: str
    bucket: Bucket
    names: tuple[str, ...]  # of the inputs
    inputs: tuple[torch.Tensor, ...]
    output: torch.Tensor

    def row(self) -> dict:
        """Shapes of what went in and came out, and the size of the latter."""
        return {
            "component": self.component,
            "inputs": ", ".join(str(tuple(tensor.shape)) for tensor in self.inputs),
            "output": str(tuple(self.output.shape)),
            "output_kib": self.output.nbytes / 1024,
        }


class Pipeline:
    """Answers questions about frames with the artifacts of one arm."""

    def __init__(self, checkpoint: Checkpoint, stages: dict[Bucket, dict[str, Stage]]):
        self.checkpoint = checkpoint
        self.stages = stages
        text = checkpoint.config.text_config
        self.start = text.bos_token_id
        self.end = text.sep_token_id
        self.pad = text.pad_token_id

    @torch.inference_mode()
    def answer(
        self, frames: Sequence, questions: Sequence, candidates=Question.candidates
    ) -> list[list[Answer]]:
        """[frame][question] -> Answer, for PIL images, or what `preprocess` made of them, and
        Questions or texts.

        candidates: what texts are answered with; None for open answers. Raises BadInput for a
        request that fits no bucket, naming the one to add.
        """
        default = tuple(candidates) if candidates else None
        asked = [q if isinstance(q, Question) else Question(q, default) for q in questions]
        answers: list[list[Answer]] = [[] for _ in range(len(frames))]
        if not asked or not answers:
            return answers
        token_ids, options = tokenise(asked, self.checkpoint.processor.tokenizer, self.end)
        bucket = choose_bucket(list(self.stages), len(frames), asked, (token_ids, options))
        for first in range(0, len(frames), bucket.frames):
            # a slice decodes its own images only
            block = self.preprocess(frames[first : first + bucket.frames])
            states = self.stages[bucket]["image_encoder"](pad_rows(block, bucket.frames))
            for start in range(0, len(asked), bucket.questions):
                chosen = slice(start, start + bucket.questions)
                found = self._answer_block(
                    bucket, states, asked[chosen], token_ids[chosen], options[chosen]
                )
                for frame, row in enumerate(found[: len(block)]):
                    answers[first + frame].extend(row)
        return answers

    def preprocess(self, frames: Sequence) -> torch.Tensor:
        """PIL images -> pixel_values (frames, 3, H, W), by the checkpoint's own image processor;
        those are left alone.
        """
        if isinstance(frames, torch.Tensor):
            return frames
        rgb = [frame.convert("RGB") for frame in frames]
        return self.checkpoint.processor.image_processor(rgb, return_tensors="pt")["pixel_values"]

    def walk(self, frames: Sequence, questions: Sequence) -> list[Step]:
        """Answer a request and return every component call that it took, with its tensors."""
        steps: list[Step] = []

        def watched(bucket: Bucket, loaded: Stage, *inputs):
            output = loaded(*inputs)
            names = tuple(loaded.component.input_shapes(bucket))
            steps.append(Step(loaded.component.name, bucket, names, inputs, output.clone()))
            return output

        stages = {}
        for bucket, own in self.stages.items():
            stages[bucket] = {name: partial(watched, bucket, one) for name, one in own.items()}
        Pipeline(self.checkpoint, stages).answer(frames, questions)
        return steps

    def _answer_block(
        self, bucket: Bucket, image_states, questions, token_ids, options
    ) -> list[list[Answer]]:
        """[frame of the bucket][question] -> Answer, for at most `bucket.questions` questions."""
        asked = pad_rows(id_rows(token_ids, bucket.tokens), bucket.questions)
        rows = asked.repeat(bucket.frames, 1)  # (F*Q, T)
        mask = (rows >= 0).to(IDS)
        image_mask = torch.ones(image_states.shape[:2], dtype=IDS)
        encoder = self.stages[bucket]["text_encoder"]
        states = encoder(self._ids(rows), mask, image_states, image_mask)

        answers: list[list[Answer]] = [[] for _ in range(bucket.frames)]
        is_open = [not candidates for candidates in options]
        scores = self._rank(bucket, states, mask, options) if any(options) else None
        written = self._write(bucket, states, mask, is_open) if any(is_open) else None
        for frame, row in enumerate(answers):
            for place, question in enumerate(questions):
                if question.candidates:
                    row.append(ranked_answer(question, scores[frame, place]))
                else:
                    row.append(written[frame][place])
        return answers

    def _ids(self, rows: torch.Tensor) -> torch.Tensor:
        """What `id_rows` made, as a component takes it."""
        return rows.masked_fill(rows < 0, self.pad).to(IDS)

    def _rank(self, bucket: Bucket, states, mask, options) -> torch.Tensor:
        """Log-likelihoods (F, Q, C) in nats: every candidate of every question in one decoder
        pass.
        """
        width = bucket.answer_tokens
        # (Q, C, A); places that no candidate or no question takes are empty
        targets = torch.full((bucket.questions, bucket.candidates, width), -1)
        for place, candidates in enumerate(options):
            if candidates:
                targets[place, : len(candidates)] = id_rows(candidates, width)
        given = self._ids(torch.nn.functional.pad(targets[..., :-1], (1, 0), value=self.start))
        decoder = self.stages[bucket]["text_decoder"]
        made = decoder(given.reshape(-1, width).repeat(bucket.frames, 1), states, mask)
        logits = made.float().cpu().reshape(bucket.frames, *targets.shape, -1)
        wanted = targets.clamp(min=0).expand(bucket.frames, *targets.shape).unsqueeze(-1)
        likely = logits.log_softmax(-1).gather(-1, wanted).squeeze(-1)
        return (likely * (targets >= 0)).sum(-1)

    def _write(self, bucket: Bucket, states, mask, is_open: list[bool]) -> list[list[Answer]]:
        """Greedy answers of static length, without a cache: one decoder call per token, until every
        open one has ended.
        """
        rows = bucket.frames * bucket.questions
        width = bucket.answer_tokens
        ids = torch.full((rows, width + 1), self.pad, dtype=IDS)  # the start, the answers so far
        ids[:, 0] = self.start
        padding = [False] * (bucket.questions - len(is_open))
        going = torch.tensor((is_open + padding) * bucket.frames)
        decoder = self.stages[bucket]["text_decoder"]
        steps = []
        for position in range(width):
            made = decoder(ids[:, :width].repeat_interleave(bucket.candidates, 0), states, mask)
            # a row's candidates are all the same here: the first one's logits are taken
            several = made.float().cpu().reshape(rows, bucket.candidates, width, -1)
            logits = several[:, 0, position]
            best, places = logits.topk(2)
            likely = logits.log_softmax(-1).gather(-1, places)
            steps.append((going, places[:, 0], likely[:, 0], best[:, 0] - best[:, 1]))
            going = going & (places[:, 0] != self.end)
            if not going.any():
                break
            ids[:, position + 1] = torch.where(going, places[:, 0], self.pad)
        answers = self._written(steps)
        asked = bucket.questions
        return [answers[first : first + asked] for first in range(0, rows, asked)]

    def _written(self, steps: list[tuple[torch.Tensor, ...]]) -> list[Answer]:
        """An answer for each row, from the steps that wrote it.

        steps: of each row, whether it was still written, its token, that one's log-likelihood and
        its gap to the next best logit.
        """
        # (F*Q, A)
        written, tokens, likely, gaps = (
            torch.stack(column, 1) for column in zip(*steps, strict=True)
        )
        answers = []
        for row, own in enumerate(written):
            said = tokens[row, own].tolist()
            gap = gaps[row, own].tolist()
            text = self.checkpoint.processor.tokenizer.decode(said, skip_special_tokens=True)
            probability = likely[row, own].sum().exp().item()
            margin = min(gap, default=math.inf)
            answers.append(Answer(text, probability, margin, tokens=tuple(said), gaps=tuple(gap)))
        return answers


def ranked_answer(question: Question, scores: torch.Tensor) -> Answer:
    """The likeliest candidate, from one log-likelihood per candidate (padding candidates beyond the
    question's own).
    """
    own = scores[: len(question.candidates)]
    best = own[0].item()
    second = -math.inf
    if len(own) > 1:
        best, second = own.topk(2).values.tolist()
    winner = int(own.argmax())
    probability = own.softmax(0)[winner].item()
    return Answer(question.candidates[winner], probability, best - second, tuple(own.tolist()))


def id_rows(several: Sequence[list[int]], width: int) -> torch.Tensor:
    """Token ids of different lengths as (R, width), -1 where one has ended."""
    return torch.tensor([ids + [-1] * (width - len(ids)) for ids in several])


def pad_rows(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    """Repeat the last row up to `rows`."""
    missing = rows - len(tensor)
    if not missing:
        return tensor
    last = tensor[-1:].expand(missing, *tensor.shape[1:])
    return torch.cat([tensor, last])
