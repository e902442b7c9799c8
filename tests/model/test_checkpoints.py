import json
import os
import shutil

import pytest
import torch
from conftest import SHAPES, save_checkpoint, unpadded_scores

from blipkit import Bucket, assemble, isolate, load_checkpoint, trace
from blipkit.errors import BadInput
from blipkit.frames.frames import fixed_frame
from blipkit.frames.questions import Question
from blipkit.model.builtin import word_tokenizer
from blipkit.model.checkpoints import check_source, weights_digest


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
    provenance = pets.provenance()
    assert (
        provenance["checkpoint"] == "builtin:tiny-pets"
        and len(provenance["weights_digest"]) == len(provenance["pixel_digest"]) == 16
    )
    assert provenance["image_backend"].startswith("BlipImageProcessor")


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
    with pytest.raises(
        BadInput,
        match=r"mine.*config\.json, weights, tokenizer|mine.*expected tokenizer\.json or vocab",
    ):
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


@pytest.fixture(scope="module")
def wide(checkpoint_folders):
    return load_checkpoint(str(checkpoint_folders["wide"]))


@pytest.fixture
def laid_out(checkpoint_folders, tmp_path, wide):
    """A folder of the same checkpoint without its weights, and those weights: a test writes them as users have them."""
    folder = tmp_path / "mine"
    shutil.copytree(checkpoint_folders["wide"], folder)
    (folder / "model.safetensors").unlink()
    return folder, dict(wide.model.state_dict())


def in_shards(folder, weights, model):
    model.save_pretrained(folder, max_shard_size="50KB")
    assert (folder / "model.safetensors.index.json").is_file()


def as_pickle(folder, weights, model):
    torch.save(weights, folder / "pytorch_model.bin")


def as_pickled_shards(folder, weights, model):
    names, places = sorted(weights), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save({name: weights[name] for name in part}, folder / file)
        places |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def with_old_names(folder, weights, model):
    """gamma and beta, as TensorFlow once wrote them, and the position ids that transformers 4.30 still saved."""
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): weight
        for name, weight in weights.items()
    }
    for part in ("text_encoder", "text_decoder.bert"):
        old[f"{part}.embeddings.position_ids"] = torch.arange(32)[None]
    as_pickle(folder, old, model)


def without_the_tied_copy(folder, weights, model):
    """The decoder's output layer is its word embedding, and often saved once."""
    as_pickle(folder, {n: w for n, w in weights.items() if "predictions.decoder" not in n}, model)


def with_an_old_config(folder, weights, model):
    """A config of years ago has few of today's keys."""
    as_pickle(folder, weights, model)
    config = json.loads((folder / "config.json").read_text())
    for part in ("vision_config", "text_config"):
        for new in (
            "label_smoothing",
            "tie_word_embeddings",
            "use_cache",
            "initializer_range",
            "dtype",
            "projection_dim",
        ):
            config[part].pop(new, None)
    for new in (
        "image_text_hidden_size",
        "label_smoothing",
        "dtype",
        "transformers_version",
        "initializer_factor",
    ):
        config.pop(new, None)
    (folder / "config.json").write_text(json.dumps(config))


LAYOUTS = [
    in_shards,
    as_pickle,
    as_pickled_shards,
    with_old_names,
    without_the_tied_copy,
    with_an_old_config,
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_that_users_have_loads_the_same_weights(laid_out, wide, layout):
    """Weights in shards, in a pickle, under old names: the digest of each component is the same."""
    folder, weights = laid_out
    layout(folder, weights, wide.model)
    loaded = load_checkpoint(str(folder))
    assert loaded.digest == wide.digest
    assert [c.digest for c in isolate(loaded)] == [c.digest for c in isolate(wide)]


def test_weights_kept_in_half_precision_are_used_in_float32(laid_out, wide):
    """The reference computes in float32 whatever the folder holds; its digest is that of the rounded weights."""
    folder, weights = laid_out
    as_pickle(folder, {name: weight.half() for name, weight in weights.items()}, wide.model)
    loaded = load_checkpoint(str(folder))
    assert {p.dtype for p in loaded.model.parameters()} == {
        torch.float32
    } and loaded.digest != wide.digest


@pytest.mark.parametrize("lost", ["layer.1", "qkv.bias"])
def test_missing_weights_are_refused(laid_out, wide, lost):
    """transformers fills what it does not find with random numbers, and only logs it: such a model answers nonsense."""
    folder, weights = laid_out
    as_pickle(
        folder, {name: weight for name, weight in weights.items() if lost not in name}, wide.model
    )
    with pytest.raises(
        BadInput, match=rf"mine': \d+ weights are missing, first \S*{lost}\S*; .* random numbers"
    ):
        load_checkpoint(str(folder))


class Opened:
    """What a pickle may do when it is read carelessly."""

    def __reduce__(self):
        return os.mkdir, ("opened",)


def test_a_pickle_that_runs_code_is_refused(laid_out, wide, tmp_path, monkeypatch):
    """Weights alone are read from a pickle, nothing is run."""
    folder, weights = laid_out
    as_pickle(folder, {**weights, "extra": Opened()}, wide.model)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="did not load"):
        load_checkpoint(str(folder))
    assert not (tmp_path / "opened").exists()


ODD = {
    "an image that no patch divides": {"image": 49, "patch": 16},
    "an odd image": {"image": 33, "patch": 11},
    "one layer each": {"vision_layers": 1, "text_layers": 1},
    "heads of two": {"heads": 32},
    "one head": {"heads": 1},
    "relu": {"activation": "relu"},
    "quick gelu": {"activation": "quick_gelu"},
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_config_answers_as_transformers_does(tmp_path, odd):
    """Saved, loaded, taken apart and put together again: the scores are those of the unpadded model itself."""
    loaded = load_checkpoint(
        str(save_checkpoint(tmp_path / "mine", **{**SHAPES["wide"], **ODD[odd]}))
    )
    bucket = Bucket(1, 2, 8, 2, 3)
    pipeline = assemble(
        loaded, trace(isolate(loaded), tmp_path / "artifacts", "eager", shapes=bucket)
    )
    asked = [Question("is the dog barking?"), Question("is the dog playing?")]
    (answers,) = pipeline.answer([fixed_frame()], asked)
    for question, answer in zip(asked, answers, strict=True):
        assert answer.scores == pytest.approx(
            unpadded_scores(loaded, fixed_frame(), question), abs=1e-3, rel=1e-5
        )
