import json
import shutil

import pytest
import torch

from blipkit import load_checkpoint
from blipkit.builtin import word_tokenizer
from blipkit.checkpoints import check_source, weights_digest
from blipkit.errors import BadInput


@pytest.fixture(scope="module")
def pets():
    return load_checkpoint("builtin:tiny-pets")


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
