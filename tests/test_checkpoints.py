import json
import shutil
import subprocess
import sys

import pytest
import torch

from blipkit import Bucket, assemble, isolate, load_checkpoint, trace
from blipkit.builtin import TINY_PETS, word_tokenizer
from blipkit.checkpoints import check_source, weights_digest
from blipkit.errors import BadInput
from blipkit.frames import drawn_frames, images
from blipkit.scenes import ACTIVITIES, OPEN, QUESTIONS, YES_NO


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
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd="/", check=True
    ).stdout.strip()
    assert said in ("yes", "no")


def test_tiny_pets_is_small():
    """Weights, config, tokenizer and image processor take at most 6 MB."""
    assert sum(file.stat().st_size for file in TINY_PETS.iterdir()) <= 6e6
    assert "model.safetensors" in {file.name for file in TINY_PETS.iterdir()}


def test_its_training_says_what_it_reached():
    """The figures beside the weights: 92-99 % over 2,000 scenes it never saw, 88 % on each question, margins near zero."""
    said = json.loads((TINY_PETS / "training.json").read_text())
    assert said["held_out_scenes"] == 2000 and 0.92 <= said["accuracy"] <= 0.99
    assert min(said["accuracy_by_question"].values()) >= 0.88 and said["margins_below_0.1"] > 0


def test_it_answers_drawn_scenes_as_its_training_said(pets, artifact_root):
    """On 200 scenes of a third series, through the pipeline, it is right within the interval that its figure allows."""
    bucket = Bucket(20, 5, 8, 2, 4)
    pipeline = assemble(pets, trace(isolate(pets), artifact_root, "eager", shapes=bucket))
    frames = drawn_frames(200, seed=11)
    answers = pipeline.answer(images(frames), YES_NO)
    right = [
        frame.answers[q] == a.text
        for frame, row in zip(frames, answers, strict=True)
        for q, a in zip(YES_NO, row, strict=True)
    ]
    assert sum(right) / len(right) > 0.90
    said = [row[0].text for row in pipeline.answer(images(frames[:20]), [OPEN], candidates=None)]
    assert set(said) <= set(ACTIVITIES)


def test_no_built_in_question_has_an_unknown_word(pets):
    """A tokenizer that lost its vocabulary would turn every word into [UNK] without a warning."""
    for tokenizer in (pets.processor.tokenizer, word_tokenizer(), word_tokenizer(bert_ids=True)):
        for text in (*QUESTIONS, *ACTIVITIES, "yes", "no", "zebra 7"):
            ids = tokenizer(text).input_ids
            assert tokenizer.unk_token_id not in ids
            assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == text.replace(" ", "")


def test_random_base_has_blips_token_ids():
    """[SEP] and [DEC] stand where BLIP-base has them."""
    tokenizer = word_tokenizer(bert_ids=True)
    assert (tokenizer.sep_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id, len(tokenizer)) == (
        102,
        30522,
        0,
        30524,
    )


def test_the_digest_is_of_the_weights(pets, checkpoint_folders):
    """Loading again gives the same digest; one changed weight gives another."""
    assert load_checkpoint("builtin:tiny-pets").digest == pets.digest
    other = load_checkpoint(str(checkpoint_folders["wide"])).model
    before = weights_digest(other)
    with torch.no_grad():
        next(other.parameters()).view(-1)[0] += 1e-3
    assert weights_digest(other) != before != pets.digest


def test_provenance_names_weights_and_pixels(pets):
    """Every record can say which weights and which image processor it is of."""
    said = pets.provenance()
    assert said["checkpoint"] == "builtin:tiny-pets" and len(said["weights_digest"]) == len(said["pixel_digest"]) == 16
    assert said["image_backend"].startswith("BlipImageProcessor")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("builtin:tiny-pet", "did you mean 'tiny-pets'"),
        ("no/such/folder", "no such folder; expected builtin:tiny-pets"),
        ("./nowhere", "no such folder"),
        ("word", "no such folder"),
    ],
)
def test_an_unknown_checkpoint_is_refused(source, message):
    """What was asked for, and what there is."""
    with pytest.raises(BadInput, match=message):
        check_source(source)


def test_a_hub_id_without_a_network_says_what_to_do():
    """The real loading code runs; its failure names the checkpoint and the way around."""
    assert check_source("Salesforce/blip-vqa-base@main") == "hub"
    with pytest.raises(
        BadInput,
        match=r"'Salesforce/blip-vqa-base' did not load.*hf download Salesforce/blip-vqa-base.*pass the folder",
    ):
        load_checkpoint("Salesforce/blip-vqa-base")


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_folder_is_refused(checkpoint_folders, tmp_path, lost):
    """A folder without config, weights or tokenizer is named with what it needs."""
    folder = tmp_path / "mine"
    shutil.copytree(checkpoint_folders["shallow"], folder)
    (folder / lost).unlink()
    if lost == "tokenizer.json":
        (folder / "vocab.txt").unlink(missing_ok=True)  # transformers 4 writes both
    with pytest.raises(BadInput, match="mine"):
        load_checkpoint(str(folder))


def test_a_tokenizer_of_another_model_is_refused(checkpoint_folders, tmp_path):
    """More words than the model has embeddings cannot belong together."""
    folder = tmp_path / "mine"
    shutil.copytree(checkpoint_folders["shallow"], folder)
    word_tokenizer(bert_ids=True).save_pretrained(folder)
    with pytest.raises(BadInput, match="tokenizer has 30524 words, the model 96"):
        load_checkpoint(str(folder))


def test_another_model_is_refused(checkpoint_folders, tmp_path):
    """A folder that holds no BLIP says what it holds."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(BadInput, match="is a 'bert' model; expected 'blip'"):
        load_checkpoint(str(tmp_path))
