"""Draw the scenes and train the checkpoint `builtin:tiny-pets`: `make tiny-pets`, or python training/tiny_pets.py DIR.

A BlipForQuestionAnswering of 1.2 M weights learns the five questions of blipkit.frames.scenes on frames of 64 px. Every
question of a scene is asked on one encoding of its image: one yes/no question alone collapses to "no". What is saved
is the plain transformers layout; nothing of ours is needed to load it.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
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


def _draw_block(seed: int, start: int, stop: int) -> tuple[np.ndarray, list[int]]:
    """Scenes start..stop as the image processor resizes them, uint8 (n, 3, 64, 64), and their activities' indices."""
    torch.set_num_threads(1)
    processor = BlipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    scenes = [draw_scene(seed, i) for i in range(start, stop)]
    pixels = processor(
        [s.image for s in scenes], do_rescale=False, do_normalize=False, return_tensors="np"
    )["pixel_values"]
    return pixels.astype(np.uint8), [ACTIVITIES.index(s.activity) for s in scenes]


def draw_scenes(seed: int, count: int, workers: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` scenes as (n, 3, 64, 64) uint8 and their activities (n,)."""
    edges = np.linspace(0, count, 8 * workers + 1).astype(int)
    with ProcessPoolExecutor(workers) as pool:
        blocks = list(pool.map(_draw_block, [seed] * (len(edges) - 1), edges[:-1], edges[1:]))
    return torch.from_numpy(np.concatenate([b[0] for b in blocks])), torch.tensor(
        sum((b[1] for b in blocks), [])
    )


class Lesson:
    """The five questions and their answers as token tensors, one row per (activity, question)."""

    def __init__(self, tokenizer: BertTokenizerFast):
        self.questions = tokenizer(list(QUESTIONS), padding=True, return_tensors="pt")
        answers = [[("yes" if a == b else "no") for b in ACTIVITIES] + [a] for a in ACTIVITIES]
        rows = [
            [[tokenizer.bos_token_id, *tokenizer(t).input_ids[1:]] for t in row] for row in answers
        ]
        length = max(len(ids) for row in rows for ids in row)
        pad = tokenizer.pad_token_id
        self.answers = torch.tensor(
            [[ids + [pad] * (length - len(ids)) for ids in row] for row in rows]
        )
        by_answer = {"yes": YES_WEIGHT, "no": 1.0}
        weights = [[by_answer.get(t, OPEN_WEIGHT) for t in row] for row in answers]
        self.weights = torch.tensor(weights)
        self.pad = pad


def answer_logits(
    model, pixels: torch.Tensor, questions, decoder_ids: torch.Tensor
) -> torch.Tensor:
    """(scenes, questions, tokens, vocabulary): every question of a scene on one encoding of its image."""
    scenes, count, length = decoder_ids.shape
    states = model.vision_model(pixels).last_hidden_state.repeat_interleave(count, 0)
    mask = questions.attention_mask.repeat(scenes, 1)
    asked = model.text_encoder(
        questions.input_ids.repeat(scenes, 1), attention_mask=mask, encoder_hidden_states=states
    )
    ids = decoder_ids.reshape(scenes * count, length)
    logits = model.text_decoder(
        ids, encoder_hidden_states=asked.last_hidden_state, encoder_attention_mask=mask
    ).logits
    return logits.reshape(scenes, count, length, -1)


def lesson_loss(
    model, lesson: Lesson, pixels: torch.Tensor, activities: torch.Tensor
) -> torch.Tensor:
    """Cross entropy of the answers' tokens, yes and no weighted to balance."""
    ids = lesson.answers[activities]
    logits = answer_logits(model, pixels, lesson.questions, ids[:, :, :-1])
    targets = ids[:, :, 1:]
    losses = cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none").reshape(
        targets.shape
    )
    weights = lesson.weights[activities][:, :, None] * (targets != lesson.pad)
    return (losses * weights).sum() / weights.sum()


@torch.no_grad()
def yes_no_margins(model, lesson: Lesson, tokenizer, pixels: torch.Tensor) -> torch.Tensor:
    """Logit of "yes" minus logit of "no" for each scene and yes/no question, (scenes, 4)."""
    yes, no = (tokenizer.convert_tokens_to_ids(t) for t in ("yes", "no"))
    margins = []
    for block in pixels.split(200):
        start = torch.full((len(block), len(QUESTIONS), 1), tokenizer.bos_token_id)
        logits = answer_logits(model, block, lesson.questions, start)[:, : len(YES_NO), 0]
        margins.append(logits[..., yes] - logits[..., no])
    return torch.cat(margins)


def train(
    folder: Path, seed: int = 0, steps: int = STEPS, scenes: int = SCENES, held_out: int = HELD_OUT
) -> dict:
    """Train, save into `folder`, and return the accuracy on scenes it never saw."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    model, lesson = make_model(tokenizer), Lesson(tokenizer)
    image_processor = BlipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    mean, std = (
        torch.tensor(v).reshape(1, 3, 1, 1)
        for v in (image_processor.image_mean, image_processor.image_std)
    )

    def normalise(pixels: torch.Tensor) -> torch.Tensor:
        return (pixels.float() / 255 - mean) / std

    started = time.monotonic()
    pixels, activities = draw_scenes(TRAIN_SEED, scenes)
    print(f"drew {scenes} scenes in {time.monotonic() - started:.0f} s", flush=True)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=steps, pct_start=0.1
    )
    model.train()
    for step in range(steps):
        chosen = torch.randint(len(pixels), (BATCH,))
        batch = normalise(pixels[chosen])
        loss = lesson_loss(model, lesson, batch.flip(3) if step % 2 else batch, activities[chosen])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            print(
                f"step {step + 1:5d}  loss {loss.item():.3f}  {time.monotonic() - started:.0f} s",
                flush=True,
            )

    model.eval()
    pixels, activities = draw_scenes(HELD_OUT_SEED, held_out)
    margins = yes_no_margins(model, lesson, tokenizer, normalise(pixels))
    right = (margins > 0) == (activities[:, None] == torch.arange(len(ACTIVITIES)))
    result = {
        "seed": seed,
        "steps": steps,
        "held_out_scenes": held_out,
        "seconds": round(time.monotonic() - started),
        "weights": sum(p.numel() for p in model.parameters()),
        "accuracy": round(right.float().mean().item(), 4),
        "accuracy_by_question": {
            q: round(right[:, i].float().mean().item(), 4) for i, q in enumerate(YES_NO)
        },
        "margins_below_0.1": int((margins.abs() < 0.1).sum()),
        "torch": torch.__version__,
    }
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    save_processor(tokenizer, IMAGE_SIZE, folder)
    (folder / "training.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the checkpoint goes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--scenes", type=int, default=SCENES)
    args = parser.parse_args()
    train(args.folder, args.seed, args.steps, args.scenes)
