import io
import json
import os
import shutil
import sys

import pytest

from blipkit.errors import BadInput
from blipkit.model import checkpoints
from blipkit.model.checkpoint_files import reason_of
from blipkit.model.checkpoints import load_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CODE = """
import pathlib
pathlib.Path("ran").touch()
from transformers import BlipConfig, BlipForQuestionAnswering, BlipProcessor
class Config(BlipConfig): pass
class Model(BlipForQuestionAnswering): pass
class Processor(BlipProcessor): pass
"""
CLASSES = {
    "AutoConfig": "evil.Config",
    "AutoModelForVisualQuestionAnswering": "evil.Model",
    "AutoProcessor": "evil.Processor",
    "AutoImageProcessor": "evil.Processor",
    "AutoTokenizer": "evil.Processor",
}


def change(path, **keys):
    """Put keys into a JSON file, which may not be there yet."""
    about = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**about, **keys}))


def refused(folder) -> str:
    """The one sentence that a folder is refused by."""
    with pytest.raises(BadInput) as error:
        load_checkpoint(str(folder))
    message = str(error.value)
    assert len(message) <= 500 + len(str(folder)) and "\n" not in message
    return message


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "processor_config.json",
        "preprocessor_config.json",
        "tokenizer_config.json",
        "video_preprocessor_config.json",
        "generation_config.json",
        "config.4.0.0.json",
    ],
)
@pytest.mark.parametrize("is_nested", [False, True])
def test_a_checkpoint_that_brings_code_is_refused_before_it_runs(
    mine, tmp_path, monkeypatch, name, is_nested
):
    """Even where stdin would say yes, no module of the checkpoint's is imported."""
    (mine / "evil.py").write_text(CODE)
    keys = {"auto_map": CLASSES}
    if is_nested:
        keys = {"image_processor": [keys]}
    change(mine / name, **keys)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    message = refused(mine)
    assert f"{name} asks for code of its own (auto_map); it is never run" in message
    assert not (tmp_path / "ran").exists()


def test_code_is_not_run_even_where_the_examination_misses_it(mine, tmp_path, monkeypatch):
    """transformers is told not to trust it, so that it does not ask either."""
    (mine / "evil.py").write_text(CODE)
    change(mine / "config.json", auto_map=CLASSES, model_type="evil")
    monkeypatch.setattr(checkpoints, "check_files", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    assert "did not load" in refused(mine)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("key", ["custom_pipelines", "trust_remote_code"])
def test_other_ways_to_code_are_refused(mine, key):
    """What transformers reads as a reference to code is one, whatever it is called."""
    change(mine / "config.json", **{key: {"a": "b"}})
    assert f"config.json asks for code of its own ({key})" in refused(mine)


def test_a_template_is_not_run(mine, tmp_path, monkeypatch):
    """A chat template is kept as a text: nothing that the kit calls renders it."""
    attack = "{{ cycler.__init__.__globals__.os.mkdir('ran') }}"
    (mine / "chat_template.jinja").write_text(attack)
    change(mine / "tokenizer_config.json", chat_template=attack)
    monkeypatch.chdir(tmp_path)
    loaded = load_checkpoint(str(mine))
    assert not (tmp_path / "ran").exists()
    assert loaded.processor.chat_template is None or "cycler" in str(loaded.processor.chat_template)


def test_words_that_only_look_like_keys_are_words(checkpoint_folders, tmp_path):
    """A vocabulary may hold the word auto_map; an empty map names no code."""
    mine = tmp_path / "mine"
    shutil.copytree(checkpoint_folders["uneven"], mine)  # which has room for more words
    change(mine / "added_tokens.json", auto_map=7)
    change(mine / "config.json", auto_map={})
    assert load_checkpoint(str(mine)).source == str(mine)


@pytest.fixture
def hub(checkpoint_folders, tmp_path, monkeypatch):
    """The folder that a hub's cache has of owner/name, at one commit."""
    from huggingface_hub import constants

    cache = tmp_path / "cache"
    model = cache / "models--owner--name"
    folder = model / "snapshots" / COMMIT
    shutil.copytree(checkpoint_folders["shallow"], folder)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return folder


def test_a_hub_checkpoint_is_loaded_at_the_commit_that_was_examined(hub):
    """What a branch names when its texts are fetched is the revision of all the rest."""
    loaded = load_checkpoint("owner/name@main")
    assert loaded.revision == COMMIT and loaded.provenance()["revision"] == COMMIT


def test_a_hub_checkpoint_that_brings_code_is_refused(hub):
    """Its texts are examined before transformers is asked for it."""
    change(hub / "processor_config.json", auto_map=CLASSES)
    with pytest.raises(BadInput, match=r"'owner/name': processor_config.json asks for code"):
        load_checkpoint("owner/name")


DEEP = "[" * 100_000 + "]" * 100_000
WRONG = {
    "a list": (b"[1, 2]", "holds a JSON list; expected an object"),
    "a number": (b"7", "holds a JSON int; expected an object"),
    "null": (b"null", "holds a JSON NoneType; expected an object"),
    "nothing": (b"", r"is no JSON (Expecting value"),
    "NUL": (b"\0" * 99, r"is no JSON ("),
    "no UTF-8": (b'{"a": "\xff"}', r"is no JSON ("),
    "deep": (DEEP.encode(), "is nested too deeply; expected an object"),
    "a long number": (b'{"a": ' + b"9" * 9_999 + b"}", r"is no JSON (Exceeds the limit"),
}


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "processor_config.json"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_no_object_is_named(mine, name, wrong):
    """Lists, numbers, NULs and what is nested 100,000 deep end in one sentence."""
    content, expected = WRONG[wrong]
    (mine / name).write_bytes(content)
    assert f"mine': {name} {expected}" in refused(mine)


def test_a_file_that_transformers_does_not_read_may_hold_anything(mine):
    """Notes and results beside the weights are the user's own."""
    (mine / "evaluation.json").write_text("[1, 2]")
    (mine / "notes.json").write_text("no JSON")
    assert load_checkpoint(str(mine)).source == str(mine)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "dangling", "loop"])
def test_what_is_no_file_is_not_opened(mine, name, kind):
    """A pipe, which would hang, a folder, a device, and links that lead nowhere are told by name."""
    path = mine / name
    path.unlink()
    make = {
        "pipe": os.mkfifo,
        "folder": os.mkdir,
        "device": lambda place: os.symlink("/dev/zero", place),
        "dangling": lambda place: os.symlink(mine / "gone", place),
        "loop": lambda place: os.symlink(path, place),
    }
    make[kind](path)
    expected = "is a folder; expected a file" if kind == "folder" else "is no file (a pipe"
    assert f"{name} {expected}" in refused(mine)


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt", "chat_template.jinja"])
def test_a_text_of_a_gigabyte_is_not_read(mine, name):
    """Its size is told instead."""
    with open(mine / name, "wb") as file:
        file.truncate(2**30)  # takes no room on the disk
    assert f"{name} has 1024 MiB; expected at most 64" in refused(mine)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ({}, "has no weight_map"),
        ({"weight_map": ["a"]}, "has no weight_map"),
        ({"weight_map": {"a": "../other/model.safetensors"}}, "names '../other/model.safetensors'"),
        ({"weight_map": {"a": "/dev/zero"}}, "names '/dev/zero'; expected names of files beside"),
        ({"weight_map": {"a": 7}}, "names '7'"),
    ],
)
def test_an_index_names_files_beside_it(mine, index, expected):
    """Weights in shards are read from the folder alone."""
    (mine / "model.safetensors").unlink()
    (mine / "model.safetensors.index.json").write_text(json.dumps(index))
    assert f"model.safetensors.index.json {expected}" in refused(mine)


ODD_NAMES = ["a/b\0", "~nouser-of-this-name/x", "a" * 300, "/proc/1/root/x/" + "a" * 300]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_no_folder_can_have_is_refused(name):
    """NUL, a home of nobody, and names that are too long end in one sentence."""
    with pytest.raises(BadInput, match="checkpoint '") as error:
        load_checkpoint(name)
    assert len(str(error.value)) <= 500


def test_what_a_library_says_is_cut_between_words():
    """Its first words, and that there were more; its kind where it said nothing."""
    said = reason_of(ValueError("word " * 100))
    assert said.endswith("word ...") and len(said) <= 254
    assert reason_of(ValueError("a short\none")) == "a short one"
    assert reason_of(ValueError()) == "ValueError" and len(reason_of(ValueError("x" * 999))) <= 254
