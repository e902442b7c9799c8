import json
import subprocess
import sys
from pathlib import Path

import pytest

from blipkit import Bucket, Question, assemble, isolate, load_checkpoint, trace
from blipkit.errors import BadInput
from blipkit.frames.frames import images, synthetic_frames
from blipkit.frames.scenes import ACTIVITIES, OPEN, QUESTIONS, YES_NO
from blipkit.model.builtin import TINY_PETS, random_base_folder, word_tokenizer


@pytest.fixture(scope="module")
def pets():
    return load_checkpoint("builtin:tiny-pets")


def test_tiny_pets_needs_no_code_of_ours():
    """Plain transformers loads it from its folder and answers."""
    code = f"""
import sys
from transformers import AutoProcessor, BlipForQuestionAnswering
from PIL import Image
model = BlipForQuestionAnswering.from_pretrained({str(TINY_PETS)!r})
processor = AutoProcessor.from_pretrained({str(TINY_PETS)!r})
inputs = processor(images=Image.new("RGB", (160, 160)), text="is the dog barking?", return_tensors="pt")
print(processor.decode(model.generate(**inputs)[0], skip_special_tokens=True))
assert "blipkit" not in sys.modules
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd="/", check=True
    ).stdout.strip()
    assert answer in ("yes", "no")


def test_tiny_pets_is_small():
    """Weights, config, tokenizer and image processor take at most 6 MB."""
    assert sum(file.stat().st_size for file in TINY_PETS.iterdir()) <= 6e6
    assert "model.safetensors" in {file.name for file in TINY_PETS.iterdir()}


def test_its_training_says_how_right_it_is():
    """The figures beside the weights: 92-99 % over 2,000 scenes it never saw, 88 % on each question, margins near zero."""
    training = json.loads((TINY_PETS / "training.json").read_text())
    assert training["held_out_scenes"] == 2000 and 0.92 <= training["accuracy"] <= 0.99
    assert (
        min(training["accuracy_by_question"].values()) >= 0.88 and training["margins_below_0.1"] > 0
    )


def test_it_answers_scenes_as_its_training_says(pets, artifact_root):
    """On 200 scenes of a third series, through the pipeline, it is right within the interval that its figure allows."""
    bucket = Bucket(20, 5, 8, 2, 4)
    pipeline = assemble(pets, trace(isolate(pets), artifact_root, "eager", shapes=bucket))
    frames = synthetic_frames(200, seed=11)
    answers = pipeline.answer(images(frames), YES_NO)
    right = [
        frame.answers[q] == a.text
        for frame, row in zip(frames, answers, strict=True)
        for q, a in zip(YES_NO, row, strict=True)
    ]
    assert sum(right) / len(right) > 0.90
    texts = [row[0].text for row in pipeline.answer(images(frames[:20]), [Question(OPEN, None)])]
    assert set(texts) <= set(ACTIVITIES)


def test_no_built_in_question_has_an_unknown_word(pets):
    """A tokenizer that lost its vocabulary would turn every word into [UNK] without a warning."""
    for tokenizer in (pets.processor.tokenizer, word_tokenizer(), word_tokenizer(bert_ids=True)):
        for text in (*QUESTIONS, *ACTIVITIES, "yes", "no", "zebra 7"):
            ids = tokenizer(text).input_ids
            assert tokenizer.unk_token_id not in ids
            assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == text.replace(
                " ", ""
            )


def test_random_base_has_blips_token_ids():
    """[SEP] and [DEC] stand where BLIP-base has them."""
    tokenizer = word_tokenizer(bert_ids=True)
    assert (
        tokenizer.sep_token_id,
        tokenizer.bos_token_id,
        tokenizer.pad_token_id,
        len(tokenizer),
    ) == (
        102,
        30522,
        0,
        30524,
    )


@pytest.mark.parametrize("home", ["none", "/", "a file"])
def test_without_a_home_the_variable_to_set_is_named(monkeypatch, tmp_path, home):
    """In a container of another user's: before anything is made, and in one sentence."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home == "none":
        monkeypatch.setattr(
            Path, "home", raise_(RuntimeError("Could not determine home directory."))
        )
    elif home == "/":
        denied = PermissionError(13, "Permission denied", "/.cache")
        monkeypatch.setattr(Path, "mkdir", raise_(denied))
    else:
        (tmp_path / ".cache").write_text("")
        monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(BadInput, match="builtin:random-base: .*; set XDG_CACHE_HOME, or HOME, to"):
        random_base_folder()


def raise_(error: Exception):
    """A function that raises an error, whatever it is asked."""

    def function(*_, **__):
        raise error

    return function
