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

from blipkit.frames.pictures import as_picture, is_one
from blipkit.frames.questions import Question, as_questions, tokenise
from blipkit.model.buckets import Bucket, choose_bucket
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import IDS, Component


class Stage(Protocol):
    """A component that can be called with positional tensors of its bucket's shapes, and returns
    one tensor.
    """

    component: Component
    bucket: Bucket

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class Answer:
    """text; probability among the candidates (open: of the whole answer); margin to the runner-up.

    margin: difference of the two best candidates' log-likelihoods, in nats (open: the smallest gap
    between the two best logits on the way). What is below the precision's error can flip.
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


@dataclass(frozen=True)
class TokenStep:
    """One step of open answers: of each row, whether it was still written, its token, that token's
    log-likelihood (nats), and its gap to the next best logit.
    """

    is_going: torch.Tensor
    token: torch.Tensor
    likelihood: torch.Tensor
    gap: torch.Tensor


class Pipeline:
    """Answers questions about frames with the artifacts of one arm.

    stages: bucket -> component name -> the compiled component.
    """

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
        """[frame][question] -> Answer. frames: what `preprocess` takes, or what it made of them;
        questions: Questions, texts, or mappings as in a profile. One alone is a list of one.

        candidates: what texts may be answered with; None for open answers. BadInput where the
        request fits no bucket; it says which one to add.
        """
        questions = as_questions(questions, candidates)
        if is_one(frames):
            frames = [frames]
        answers: list[list[Answer]] = [[] for _ in range(len(frames))]
        if not questions or not answers:
            return answers
        token_ids, options = tokenise(questions, self.checkpoint.processor.tokenizer, self.end)
        bucket = choose_bucket(list(self.stages), len(frames), questions, (token_ids, options))
        for first in range(0, len(frames), bucket.frames):
            # a slice decodes its own images only
            block = self.preprocess(frames[first : first + bucket.frames])
            states = self.stages[bucket]["image_encoder"](pad_rows(block, bucket.frames))
            for start in range(0, len(questions), bucket.questions):
                chosen = slice(start, start + bucket.questions)
                answered = self._answer_block(
                    bucket, states, questions[chosen], token_ids[chosen], options[chosen]
                )
                for frame, row in enumerate(answered[: len(block)]):
                    answers[first + frame].extend(row)
        return answers

    def preprocess(self, frames: Sequence) -> torch.Tensor:
        """pixel_values (frames, 3, H, W) of PIL images, files or arrays (H, W, 3) of 8 bits, by the
        checkpoint's own image processor; a tensor is returned as it is.
        """
        if isinstance(frames, torch.Tensor):
            return frames
        rgb = [as_picture(frame) for frame in frames]
        return self.checkpoint.processor.image_processor(rgb, return_tensors="pt")["pixel_values"]

    def walk(self, frames: Sequence, questions: Sequence) -> list[Step]:
        """Answer a request, and return every component call that it took, with its tensors."""
        steps: list[Step] = []

        def watched(bucket: Bucket, stage: Stage, *inputs):
            output = stage(*inputs)
            names = tuple(stage.component.input_shapes(bucket))
            steps.append(Step(stage.component.name, bucket, names, inputs, output.clone()))
            return output

        stages = {}
        for bucket, by_name in self.stages.items():
            stages[bucket] = {
                name: partial(watched, bucket, stage) for name, stage in by_name.items()
            }
        Pipeline(self.checkpoint, stages).answer(frames, questions)
        return steps

    def _answer_block(
        self, bucket: Bucket, image_states, questions, token_ids, options
    ) -> list[list[Answer]]:
        """[frame of the bucket][question] -> Answer, for at most `bucket.questions` questions."""
        each = pad_rows(id_rows(token_ids, bucket.tokens), bucket.questions)
        rows = each.repeat(bucket.frames, 1)  # (F*Q, T)
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
        """The rows of `id_rows` as a component takes them: padded, in its integers."""
        return rows.masked_fill(rows < 0, self.pad).to(IDS)

    def _rank(self, bucket: Bucket, states, mask, options) -> torch.Tensor:
        """Log-likelihoods (F, Q, C) in nats of every candidate of every question, from one pass of
        the decoder.
        """
        width = bucket.answer_tokens
        # (Q, C, A); places that no candidate or no question takes are empty
        targets = torch.full((bucket.questions, bucket.candidates, width), -1)
        for place, candidates in enumerate(options):
            if candidates:
                targets[place, : len(candidates)] = id_rows(candidates, width)
        inputs = self._ids(torch.nn.functional.pad(targets[..., :-1], (1, 0), value=self.start))
        decoder = self.stages[bucket]["text_decoder"]
        output = decoder(inputs.reshape(-1, width).repeat(bucket.frames, 1), states, mask)
        logits = output.float().cpu().reshape(bucket.frames, *targets.shape, -1)
        expected = targets.clamp(min=0).expand(bucket.frames, *targets.shape).unsqueeze(-1)
        likelihoods = logits.log_softmax(-1).gather(-1, expected).squeeze(-1)
        return (likelihoods * (targets >= 0)).sum(-1)

    def _write(self, bucket: Bucket, states, mask, is_open: list[bool]) -> list[list[Answer]]:
        """[frame of the bucket][question] -> greedy answer, of static length and without a cache.

        The decoder is called once a token, until every open answer has ended.
        """
        rows = bucket.frames * bucket.questions
        width = bucket.answer_tokens
        ids = torch.full((rows, width + 1), self.pad, dtype=IDS)  # the start, the answers so far
        ids[:, 0] = self.start
        padding = [False] * (bucket.questions - len(is_open))
        is_going = torch.tensor((is_open + padding) * bucket.frames)
        decoder = self.stages[bucket]["text_decoder"]
        steps = []
        for position in range(width):
            output = decoder(ids[:, :width].repeat_interleave(bucket.candidates, 0), states, mask)
            # a row's candidates are all the same here: the first one's logits are taken
            by_candidate = output.float().cpu().reshape(rows, bucket.candidates, width, -1)
            logits = by_candidate[:, 0, position]
            best, best_ids = logits.topk(2)
            token = best_ids[:, 0]
            likelihood = logits.log_softmax(-1).gather(-1, best_ids)[:, 0]
            steps.append(TokenStep(is_going, token, likelihood, best[:, 0] - best[:, 1]))
            is_going = is_going & (token != self.end)
            if not is_going.any():
                break
            ids[:, position + 1] = torch.where(is_going, token, self.pad)
        answers = self._answers_of(steps)
        per_frame = bucket.questions
        return [answers[first : first + per_frame] for first in range(0, rows, per_frame)]

    def _answers_of(self, steps: list[TokenStep]) -> list[Answer]:
        """An answer for each row, from the steps that wrote it."""
        # each (F*Q, A)
        is_written = torch.stack([step.is_going for step in steps], 1)
        all_tokens = torch.stack([step.token for step in steps], 1)
        likelihoods = torch.stack([step.likelihood for step in steps], 1)
        all_gaps = torch.stack([step.gap for step in steps], 1)
        answers = []
        for row, places in enumerate(is_written):
            tokens = tuple(all_tokens[row, places].tolist())
            gaps = tuple(all_gaps[row, places].tolist())
            text = self.checkpoint.processor.tokenizer.decode(tokens, skip_special_tokens=True)
            probability = likelihoods[row, places].sum().exp().item()
            margin = min(gaps, default=math.inf)
            answers.append(Answer(text, probability, margin, tokens=tokens, gaps=gaps))
        return answers


def ranked_answer(question: Question, scores: torch.Tensor) -> Answer:
    """The likeliest candidate of a question.

    scores: one log-likelihood for each candidate, in nats; those behind them are padding.
    """
    scores = scores[: len(question.candidates)]
    best = scores[0].item()
    second = -math.inf
    if len(scores) > 1:
        best, second = scores.topk(2).values.tolist()
    winner = int(scores.argmax())
    probability = scores.softmax(0)[winner].item()
    return Answer(question.candidates[winner], probability, best - second, tuple(scores.tolist()))


def id_rows(lists: Sequence[list[int]], width: int) -> torch.Tensor:
    """Lists of token ids as (R, width), -1 behind the end of each."""
    return torch.tensor([ids + [-1] * (width - len(ids)) for ids in lists])


def pad_rows(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    """The tensor with its last row repeated until it has `rows` rows."""
    missing = rows - len(tensor)
    if not missing:
        return tensor
    last = tensor[-1:].expand(missing, *tensor.shape[1:])
    return torch.cat([tensor, last])
