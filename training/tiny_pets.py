"""Draw the scenes and train the checkpoint `builtin:tiny-pets`: `make tiny-pets`, or
python training/tiny_pets.py DIR.

A BlipForQuestionAnswering of 1.4 M weights learns the five questions of blipkit.frames.scenes on
frames of 64 px. Every question of a scene is asked on one encoding of its image: one yes/no
question alone collapses to "no". What is saved is the plain transformers layout; nothing of ours
is needed to load it.
"""

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import BertTokenizerFast, BlipConfig, BlipForQuestionAnswering
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from blipkit.frames.scenes import ACTIVITIES, QUESTIONS, YES_NO, draw_scene
from blipkit.model.builtin import save_processor, word_tokenizer

IMAGE_SIZE = 64
SCENES, HELD_OUT = 48_000, 2_000
TRAIN_SEED, HELD_OUT_SEED = 1, 2  # series of scenes; the two never overlap
BATCH, STEPS, PEAK_RATE = 48, 2_500, 1e-3
YES_WEIGHT, OPEN_WEIGHT = 3.0, 3.0  # a yes/no question is answered "yes" once in four
UNDECIDED = 0.1  # logits: a smaller margin between yes and no is counted


@dataclass(frozen=True)
class Training:
    """How a checkpoint was trained, and how right it is on scenes that it never saw.

    seconds: of drawing and training; accuracy: of yes/no answers, 0-1; undecided: how many of them
    have a margin below UNDECIDED; torch: its version.
    """

    seed: int
    steps: int
    held_out_scenes: int
    seconds: int
    weights: int
    accuracy: float
    accuracy_by_question: dict[str, float]
    undecided: int
    torch: str


def make_model(tokenizer: BertTokenizerFast) -> BlipForQuestionAnswering:
    """The untrained model: 4 vision and 3 text layers of width 96."""
    shape = {
        "hidden_size": 96,
        "intermediate_size": 384,
        "num_attention_heads": 4,
        "projection_dim": 96,
        "initializer_range": 0.1,
    }
    vision = {**shape, "num_hidden_layers": 4, "image_size": IMAGE_SIZE, "patch_size": 8}
    text = {
        **shape,
        "num_hidden_layers": 3,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 64,
        "encoder_hidden_size": 96,
        "bos_token_id": tokenizer.bos_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return BlipForQuestionAnswering(
        BlipConfig(vision_config=vision, text_config=text, image_text_hidden_size=96)
    )


def make_image_processor() -> BlipImageProcessorPil:
    """What resizes and normalises the scenes."""
    return BlipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})


def _draw_block(seed: int, start: int, stop: int) -> tuple[np.ndarray, list[int]]:
    """Scenes start to stop - 1 as the image processor resizes them, uint8 (n, 3, 64, 64), and the
    indices of their activities.
    """
    torch.set_num_threads(1)
    scenes = [draw_scene(seed, number) for number in range(start, stop)]
    pixels = make_image_processor()(
        [scene.image for scene in scenes],
        do_rescale=False,
        do_normalize=False,
        return_tensors="np",
    )["pixel_values"]
    return pixels.astype(np.uint8), [ACTIVITIES.index(scene.activity) for scene in scenes]


def draw_scenes(seed: int, count: int, workers: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` scenes as uint8 (n, 3, 64, 64), and the indices of their activities (n,)."""
    edges = np.linspace(0, count, 8 * workers + 1).astype(int)
    with ProcessPoolExecutor(workers) as pool:
        blocks = list(pool.map(_draw_block, [seed] * (len(edges) - 1), edges[:-1], edges[1:]))
    pixels = np.concatenate([block for block, _ in blocks])
    activities = [activity for _, block in blocks for activity in block]
    return torch.from_numpy(pixels), torch.tensor(activities)


class Lesson:
    """The five questions, and their answers as token tensors, a row for each (activity, question)."""

    def __init__(self, tokenizer: BertTokenizerFast):
        self.questions = tokenizer(list(QUESTIONS), padding=True, return_tensors="pt")
        answers = [[("yes" if a == b else "no") for b in ACTIVITIES] + [a] for a in ACTIVITIES]
        rows = [
            [[tokenizer.bos_token_id, *tokenizer(text).input_ids[1:]] for text in row]
            for row in answers
        ]
        length = max(len(ids) for row in rows for ids in row)
        pad = tokenizer.pad_token_id
        self.answers = torch.tensor(
            [[ids + [pad] * (length - len(ids)) for ids in row] for row in rows]
        )
        by_answer = {"yes": YES_WEIGHT, "no": 1.0}
        weights = [[by_answer.get(text, OPEN_WEIGHT) for text in row] for row in answers]
        self.weights = torch.tensor(weights)
        self.pad = pad


def answer_logits(
    model, pixels: torch.Tensor, questions, decoder_ids: torch.Tensor
) -> torch.Tensor:
    """Logits (scenes, questions, tokens, vocabulary), every question of a scene asked on one
    encoding of its image.
    """
    scenes, count, length = decoder_ids.shape
    image_states = model.vision_model(pixels).last_hidden_state.repeat_interleave(count, 0)
    mask = questions.attention_mask.repeat(scenes, 1)
    encoded = model.text_encoder(
        questions.input_ids.repeat(scenes, 1),
        attention_mask=mask,
        encoder_hidden_states=image_states,
    )
    logits = model.text_decoder(
        decoder_ids.reshape(scenes * count, length),
        encoder_hidden_states=encoded.last_hidden_state,
        encoder_attention_mask=mask,
    ).logits
    return logits.reshape(scenes, count, length, -1)


def lesson_loss(
    model, lesson: Lesson, pixels: torch.Tensor, activities: torch.Tensor
) -> torch.Tensor:
    """Cross entropy of the answers' tokens, yes and no weighted to balance."""
    ids = lesson.answers[activities]
    logits = answer_logits(model, pixels, lesson.questions, ids[:, :, :-1])
    targets = ids[:, :, 1:]
    losses = cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none")
    weights = lesson.weights[activities][:, :, None] * (targets != lesson.pad)
    return (losses.reshape(targets.shape) * weights).sum() / weights.sum()


@torch.no_grad()
def yes_no_margins(model, lesson: Lesson, tokenizer, pixels: torch.Tensor) -> torch.Tensor:
    """Logit of "yes" minus logit of "no" for each scene and yes/no question, (scenes, 4)."""
    yes, no = (tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))
    margins = []
    for block in pixels.split(200):
        start = torch.full((len(block), len(QUESTIONS), 1), tokenizer.bos_token_id)
        logits = answer_logits(model, block, lesson.questions, start)[:, : len(YES_NO), 0]
        margins.append(logits[..., yes] - logits[..., no])
    return torch.cat(margins)


def normaliser() -> Callable[[torch.Tensor], torch.Tensor]:
    """What makes pixel values of uint8 pixels, as the image processor does."""
    processor = make_image_processor()
    mean = torch.tensor(processor.image_mean).reshape(1, 3, 1, 1)
    std = torch.tensor(processor.image_std).reshape(1, 3, 1, 1)

    def normalise(pixels: torch.Tensor) -> torch.Tensor:
        return (pixels.float() / 255 - mean) / std

    return normalise


def fit(model, lesson: Lesson, pixels: torch.Tensor, activities: torch.Tensor, steps: int) -> None:
    """Train the model in place, on batches drawn at random, every other one mirrored."""
    normalise = normaliser()
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=steps, pct_start=0.1
    )
    started = time.monotonic()
    model.train()
    for step in range(steps):
        chosen = torch.randint(len(pixels), (BATCH,))
        batch = normalise(pixels[chosen])
        if step % 2:
            batch = batch.flip(3)
        loss = lesson_loss(model, lesson, batch, activities[chosen])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            seconds = time.monotonic() - started
            print(f"step {step + 1:5d}  loss {loss.item():.3f}  {seconds:.0f} s", flush=True)
    model.eval()


def train(
    folder: Path, seed: int = 0, steps: int = STEPS, scenes: int = SCENES, held_out: int = HELD_OUT
) -> Training:
    """Train a checkpoint and save it into `folder`, with how right it is beside it."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    model = make_model(tokenizer)
    lesson = Lesson(tokenizer)
    started = time.monotonic()
    pixels, activities = draw_scenes(TRAIN_SEED, scenes)
    print(f"drew {scenes} scenes in {time.monotonic() - started:.0f} s", flush=True)
    fit(model, lesson, pixels, activities, steps)

    pixels, activities = draw_scenes(HELD_OUT_SEED, held_out)
    margins = yes_no_margins(model, lesson, tokenizer, normaliser()(pixels))
    right = (margins > 0) == (activities[:, None] == torch.arange(len(ACTIVITIES)))
    by_question = zip(YES_NO, right.float().mean(0).tolist(), strict=True)
    training = Training(
        seed=seed,
        steps=steps,
        held_out_scenes=held_out,
        seconds=round(time.monotonic() - started),
        weights=sum(p.numel() for p in model.parameters()),
        accuracy=round(right.float().mean().item(), 4),
        accuracy_by_question={text: round(share, 4) for text, share in by_question},
        undecided=int((margins.abs() < UNDECIDED).sum()),
        torch=torch.__version__,
    )
    save(folder, model, tokenizer, training)
    return training


def save(folder: Path, model, tokenizer: BertTokenizerFast, training: Training) -> None:
    """Write the checkpoint in the transformers layout, and training.json beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    save_processor(tokenizer, IMAGE_SIZE, folder)
    keys = asdict(training)
    keys[f"margins_below_{UNDECIDED}"] = keys.pop("undecided")
    text = json.dumps(keys, indent=2)
    (folder / "training.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw the scenes and train builtin:tiny-pets.")
    parser.add_argument("folder", type=Path, help="where the checkpoint goes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--scenes", type=int, default=SCENES)
    arguments = parser.parse_args()
    train(arguments.folder, arguments.seed, arguments.steps, arguments.scenes)
