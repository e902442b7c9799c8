"""The components put back together: questions about frames in, answers out.

Requests are padded to the smallest bucket that fits. The image is encoded once for all questions of a frame. Answers
with candidates are ranked in one decoder pass by the summed log-likelihood of their tokens and end token; open answers
are greedy. The padded path hands the real question mask to the decoder, so that padding changes no answer.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from blipkit.artifacts import Artifacts
from blipkit.buckets import Bucket, choose_bucket
from blipkit.checkpoints import Checkpoint
from blipkit.components import IDS, isolate
from blipkit.errors import BlipkitError
from blipkit.questions import Question, tokenise
from blipkit.runners import Loaded, load_artifact


@dataclass(frozen=True)
class Answer:
    """text; probability among the candidates (open: of the whole answer); margin to the runner-up.

    margin: difference of the two best candidates' log-likelihoods, in nats (open: the smallest gap between the two
    best logits on the way). What is below the number format's error can flip. scores: log-likelihood of each candidate,
    nats; tokens: those of an open answer, its end token included; gaps: at each, between the two best logits.
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
        inputs = ", ".join(str(tuple(tensor.shape)) for tensor in self.inputs)
        return {
            "component": self.component,
            "inputs": inputs,
            "output": str(tuple(self.output.shape)),
            "output_kib": self.output.nbytes / 1024,
        }


class Pipeline:
    """Answers questions about frames with the artifacts of one arm."""

    def __init__(self, checkpoint: Checkpoint, stages: dict[Bucket, dict[str, Loaded]], arm: str):
        self.checkpoint, self.stages, self.arm = checkpoint, stages, arm
        text = checkpoint.config.text_config
        self.start, self.end, self.pad = text.bos_token_id, text.sep_token_id, text.pad_token_id

    @torch.inference_mode()
    def answer(
        self, frames: Sequence, questions: Sequence, candidates: Sequence[str] | None = ("yes", "no")
    ) -> list[list[Answer]]:
        """[frame][question] -> Answer, for PIL images, or what `preprocess` made of them, and texts or Questions.

        candidates: what texts are answered with; None for open answers. Raises BadInput for a request that fits no
        bucket, naming the one to add.
        """
        asked = [
            q if isinstance(q, Question) else Question(q, tuple(candidates) if candidates else None) for q in questions
        ]
        if not asked or not len(frames):
            return [[] for _ in range(len(frames))]
        token_ids, options = tokenise(asked, self.checkpoint.processor.tokenizer, self.end)
        bucket = choose_bucket(list(self.stages), len(frames), asked, (token_ids, options))
        answers: list[list[Answer]] = [[] for _ in range(len(frames))]
        for first in range(0, len(frames), bucket.frames):
            block = self.preprocess(frames[first : first + bucket.frames])  # a slice decodes its own images only
            states = self.stages[bucket]["image_encoder"](pad_rows(block, bucket.frames))
            for start in range(0, len(asked), bucket.questions):
                chosen = slice(start, start + bucket.questions)
                found = self._answer_block(bucket, states, asked[chosen], token_ids[chosen], options[chosen])
                for frame, row in enumerate(found[: len(block)]):
                    answers[first + frame].extend(row)
        return answers

    def preprocess(self, frames: Sequence) -> torch.Tensor:
        """PIL images -> pixel_values (frames, 3, H, W), by the checkpoint's own image processor; those are left alone."""
        if isinstance(frames, torch.Tensor):
            return frames
        rgb = [frame.convert("RGB") for frame in frames]
        return self.checkpoint.processor.image_processor(rgb, return_tensors="pt")["pixel_values"]

    def walk(self, frames: Sequence, questions: Sequence) -> list[Step]:
        """Answer a request and return every component call that it took, with its tensors."""
        steps: list[Step] = []

        def watched(loaded: Loaded, bucket: Bucket):
            def call(*inputs):
                output = loaded(*inputs)
                names = tuple(loaded.component.input_shapes(bucket))
                steps.append(Step(loaded.component.name, bucket, names, inputs, output.clone()))
                return output

            return call

        stages = {b: {name: watched(one, b) for name, one in stage.items()} for b, stage in self.stages.items()}
        Pipeline(self.checkpoint, stages, self.arm).answer(frames, questions)
        return steps

    def _answer_block(self, bucket: Bucket, image_states, questions, token_ids, options) -> list[list[Answer]]:
        """[frame of the bucket][question] -> Answer, for at most `bucket.questions` questions."""
        filled = token_ids + [token_ids[-1]] * (bucket.questions - len(token_ids))
        ids = torch.full((bucket.questions, bucket.tokens), self.pad, dtype=IDS)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(filled):
            ids[row, : len(tokens)] = torch.tensor(tokens, dtype=IDS)
            mask[row, : len(tokens)] = 1
        ids, mask = ids.repeat(bucket.frames, 1), mask.repeat(bucket.frames, 1)  # (F*Q, T)
        image_mask = torch.ones(image_states.shape[:2], dtype=IDS)
        states = self.stages[bucket]["text_encoder"](ids, mask, image_states, image_mask)

        scores = self._rank(bucket, states, mask, options) if any(options) else None
        written = (
            self._write(bucket, states, mask, [q.candidates is None for q in questions]) if not all(options) else None
        )
        return [
            [ranked_answer(q, scores[frame, i]) if q.candidates else written[frame][i] for i, q in enumerate(questions)]
            for frame in range(bucket.frames)
        ]

    def _rank(self, bucket: Bucket, states, mask, options) -> torch.Tensor:
        """Log-likelihoods (F, Q, C) in nats: every candidate of every question in one decoder pass."""
        f, q, c, a = bucket.frames, bucket.questions, bucket.candidates, bucket.answer_tokens
        targets = torch.full((q, c, a), -1, dtype=torch.long)
        for row, candidates in enumerate(options):
            for column, tokens in enumerate(candidates):
                targets[row, column, : len(tokens)] = torch.tensor(tokens)
        answer_ids = torch.full((q, c, a), self.start, dtype=IDS)
        answer_ids[..., 1:] = torch.where(targets[..., :-1] < 0, self.pad, targets[..., :-1])
        logits = self.stages[bucket]["text_decoder"](answer_ids.repeat(f, 1, 1).reshape(f * q * c, a), states, mask)
        logits = logits.float().cpu().reshape(f, q, c, a, -1)
        likely = logits.log_softmax(-1).gather(-1, targets.clamp(min=0).expand(f, q, c, a).unsqueeze(-1)).squeeze(-1)
        return (likely * (targets >= 0)).sum(-1)

    def _write(self, bucket: Bucket, states, mask, is_open: list[bool]) -> list[list[Answer]]:
        """Greedy answers of static length, without a cache: one decoder call per token, until every open one has ended."""
        f, q, c, a = bucket.frames, bucket.questions, bucket.candidates, bucket.answer_tokens
        rows = f * q
        ids = torch.full((rows, a), self.pad, dtype=IDS)
        ids[:, 0] = self.start
        ended = torch.tensor((is_open + [False] * (q - len(is_open))) * f).logical_not()
        words: list[list[int]] = [[] for _ in range(rows)]
        gaps: list[list[float]] = [[] for _ in range(rows)]
        likelihood = torch.zeros(rows)
        for position in range(a):
            logits = self.stages[bucket]["text_decoder"](ids.repeat_interleave(c, 0), states, mask)
            logits = logits.float().cpu().reshape(rows, c, a, -1)[:, 0, position]
            best = logits.topk(2)
            token = best.indices[:, 0]
            going = ~ended
            likelihood += going * logits.log_softmax(-1).gather(-1, token[:, None])[:, 0]
            gap = best.values[:, 0] - best.values[:, 1]
            for row in going.nonzero()[:, 0].tolist():
                words[row].append(token[row].item())
                gaps[row].append(gap[row].item())
            ended |= token == self.end
            if ended.all() or position + 1 == a:
                break
            ids[:, position + 1] = torch.where(ended, self.pad, token).to(IDS)
        decode = self.checkpoint.processor.tokenizer.decode
        answers = [
            Answer(
                decode(words[row], skip_special_tokens=True),
                likelihood[row].exp().item(),
                min(gaps[row], default=math.inf),
                tokens=tuple(words[row]),
                gaps=tuple(gaps[row]),
            )
            for row in range(rows)
        ]
        return [answers[frame * q : (frame + 1) * q] for frame in range(f)]


def ranked_answer(question: Question, scores: torch.Tensor) -> Answer:
    """The likeliest candidate, from one log-likelihood per candidate (padding candidates beyond the question's own)."""
    own = scores[: len(question.candidates)]
    best, second = own.topk(2).values.tolist() if len(own) > 1 else (own[0].item(), -math.inf)
    winner = int(own.argmax())
    return Answer(question.candidates[winner], own.softmax(0)[winner].item(), best - second, tuple(own.tolist()))


def pad_rows(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    """Repeat the last row up to `rows`."""
    missing = rows - len(tensor)
    return torch.cat([tensor, tensor[-1:].expand(missing, *tensor.shape[1:])]) if missing else tensor


def assemble(checkpoint: Checkpoint, artifacts: Artifacts, load: Callable = load_artifact) -> Pipeline:
    """Load artifacts of one arm into a pipeline; `load` may put them elsewhere than in this process."""
    components = isolate(checkpoint)
    arms = {str(a.arm) for a in artifacts}
    if len(arms) != 1:
        raise BlipkitError(f"a pipeline needs artifacts of one arm, saw {', '.join(sorted(arms)) or 'none'}")
    loaded = {}
    stages = {}
    for bucket in artifacts.buckets:
        found = artifacts.of(bucket)
        absent = [c.name for c in components if c.name not in found]
        if absent:
            raise BlipkitError(f"bucket {bucket} of {arms.pop()} lacks {', '.join(absent)}; trace all components")
        for artifact in found.values():
            if artifact.folder not in loaded:  # two buckets may share an image encoder
                loaded[artifact.folder] = load(artifact, components[artifact.component])
        stages[bucket] = {name: loaded[artifact.folder] for name, artifact in found.items()}
    return Pipeline(checkpoint, stages, arms.pop())


@torch.inference_mode()
def unpadded_scores(checkpoint: Checkpoint, frame, question: Question) -> list[float]:
    """Log-likelihood of each candidate by transformers' own forward: one frame, one question, nothing padded."""
    model, processor = checkpoint.model, checkpoint.processor
    pixels = processor.image_processor([frame.convert("RGB")], return_tensors="pt")["pixel_values"]
    asked = processor.tokenizer(question.text, return_tensors="pt")
    image = model.vision_model(pixels).last_hidden_state
    states = model.text_encoder(
        asked.input_ids, attention_mask=asked.attention_mask, encoder_hidden_states=image
    ).last_hidden_state
    text, scores = model.config.text_config, []
    for candidate in question.candidates:
        tokens = [*processor.tokenizer(candidate, add_special_tokens=False).input_ids, text.sep_token_id]
        ids = torch.tensor([[text.bos_token_id, *tokens[:-1]]])
        logits = model.text_decoder(ids, encoder_hidden_states=states, use_cache=False).logits
        scores.append(logits.log_softmax(-1)[0].gather(-1, torch.tensor(tokens)[:, None]).sum().item())
    return scores
