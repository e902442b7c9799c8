import json

import pytest
from conftest import SHAPES
from PIL import Image

from blipkit.errors import BadInput
from blipkit.model.checkpoints import load_checkpoint

SIZE = SHAPES["shallow"]["image"]


def set_image_processor(folder, **keys):
    for name in ("preprocessor_config.json", "processor_config.json"):
        path = folder / name
        if path.exists():
            about = json.loads(path.read_text())
            about.get("image_processor", about).update(keys)
            path.write_text(json.dumps(about))


def set_config(folder, part, **keys):
    path = folder / "config.json"
    about = json.loads(path.read_text())
    (about[part] if part else about).update(keys)
    path.write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("keys", "made"),
    [
        ({"size": {"height": 96, "width": 96}}, "96 x 96"),
        ({"size": {"height": 40, "width": 56}}, "56 x 40"),
        ({"do_resize": False}, "48 x 30"),
    ],
)
def test_an_image_processor_of_another_size_is_refused_with_both_sizes(mine, keys, made):
    """What it makes, what the model takes, and which settings to change are in one sentence."""
    set_image_processor(mine, **keys)
    expected = f"makes {made} pixels, its model takes {SIZE} x {SIZE}; set do_resize to true"
    with pytest.raises(BadInput, match=expected):
        load_checkpoint(str(mine))


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(
    "keys",
    [
        {"do_rescale": False},
        {"rescale_factor": 1.0},
        {"image_std": [0.0, 0.0, 0.0]},
        {"image_mean": [1e9, 1e9, 1e9]},
    ],
)
def test_pixels_that_no_model_was_trained_on_are_refused(mine, keys):
    """A picture that is not scaled, or scaled by nothing, would be answered at random."""
    set_image_processor(mine, **keys)
    with pytest.raises(BadInput, match="its image processor .*; (look at|compare) .*processor_con"):
        load_checkpoint(str(mine))


@pytest.mark.parametrize(
    "keys",
    [
        {"image_mean": "red"},
        {"image_mean": [0.5]},
        {"size": "large"},
        {"size": {"height": -1, "width": 9}},
        {"resample": 99},
    ],
)
def test_settings_of_wrong_types_are_refused(mine, keys):
    """What makes the image processor stop is told when the checkpoint is loaded."""
    set_image_processor(mine, **keys)
    with pytest.raises(BadInput, match="mine'") as error:
        load_checkpoint(str(mine))
    assert len(str(error.value)) <= 500 + len(str(mine))


@pytest.mark.parametrize(
    "size", [10**6, {"height": 10**6, "width": 40}, {"height": 40, "width": 10**30}]
)
def test_a_picture_of_a_million_lines_is_not_made(mine, size):
    """It would fill the memory; its size is told instead."""
    set_image_processor(mine, size=size)
    with pytest.raises(BadInput, match=r"its image processor's sizes are .*expected 1 to 4096 pix"):
        load_checkpoint(str(mine))


@pytest.mark.parametrize("id", [-1, 96, 10**9])
@pytest.mark.parametrize("name", ["bos_token_id", "sep_token_id", "pad_token_id"])
def test_a_token_that_is_no_word_is_refused(mine, name, id):
    """The decoder would be started, or ended, with a word that it has not."""
    set_config(mine, "text_config", **{name: id})
    with pytest.raises(
        BadInput, match=f"text_config.{name} is {id}; expected the id of one of its"
    ):
        load_checkpoint(str(mine))


def test_a_processor_of_another_kind_is_refused(mine):
    """transformers loads a tokenizer alone where the class is not known."""
    path = mine / "processor_config.json"
    about = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**about, "processor_class": "auto"}))
    with pytest.raises(BadInput, match="its processor is a .*; expected a BlipProcessor: set proc"):
        load_checkpoint(str(mine))


@pytest.mark.parametrize("keys", [{"model_max_length": "a/b"}, {"unk_token": ""}])
def test_a_tokenizer_that_stops_at_a_word_is_refused(mine, keys):
    """What a setting makes of the first word is told when the checkpoint is loaded."""
    path = mine / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))
    with pytest.raises(
        BadInput, match="its tokenizer stops at the word 'dog': .*tokenizer.json or"
    ):
        load_checkpoint(str(mine))


@pytest.mark.parametrize("shape", [(9, 9), (600, 1), (1, 600), (600, 3), (3, 600), (1, 1)])
def test_slivers_keep_their_colour(small, shape):
    """A picture one or three pixels high or wide is not taken for one with its channels first."""

    def pixels(size):
        picture = Image.new("RGB", size, (200, 10, 10))
        return small.processor.image_processor([picture], return_tensors="pt")["pixel_values"]

    assert abs(pixels(shape) - pixels((64, 64))).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "does"),
    [
        ("BlipForConditionalGeneration", "which captions and answers no questions"),
        ("BlipForImageTextRetrieval", "which says whether a text matches a picture"),
        ("BlipModel", "which compares pictures with texts"),
        ("SomethingElse", "SomethingElse; expected"),
    ],
)
def test_another_class_of_blip_says_what_it_is(mine, name, does):
    """The config names the class: one sentence says what it does and what is expected."""
    set_config(mine, "", architectures=[name])
    with pytest.raises(BadInput, match=f"is a {name}.*expected a BlipForQuestionAnswering") as e:
        load_checkpoint(str(mine))
    assert does in str(e.value)


@pytest.mark.parametrize(
    ("name", "does"),
    [
        ("BlipForConditionalGeneration", "captions"),
        ("BlipForImageTextRetrieval", "matches"),
        ("BlipModel", "compares"),
    ],
)
def test_another_class_of_blip_is_told_by_its_weights(mine, name, does):
    """Where the config names no class, the names of the weights do."""
    import transformers

    config = transformers.BlipConfig.from_pretrained(mine)
    getattr(transformers, name)(config).save_pretrained(mine)
    set_config(mine, "", architectures=None)
    with pytest.raises(
        BadInput, match=f"has weights of a {name}, which .*{does}.* answers no ques"
    ):
        load_checkpoint(str(mine))


@pytest.mark.parametrize("size", [0, -1, 10**12, 1.5, "32", None, True, [4]])
@pytest.mark.parametrize("name", ["hidden_size", "num_hidden_layers", "vocab_size"])
def test_a_size_that_no_model_has_is_refused(mine, name, size):
    """It neither fills the memory nor ends in words of a library's inside."""
    set_config(mine, "text_config", **{name: size})
    with pytest.raises(BadInput, match="mine'") as error:
        load_checkpoint(str(mine))
    assert len(str(error.value)) <= 500 + len(str(mine))


@pytest.mark.parametrize(
    ("part", "keys"),
    [
        ("text_config", {"num_hidden_layers": 900, "hidden_size": 8_192}),
        ("text_config", {"vocab_size": 9_000_000}),
        ("vision_config", {"image_size": 4_096, "patch_size": 1, "num_hidden_layers": 99}),
    ],
)
def test_a_config_of_more_weights_than_there_are_is_refused(mine, part, keys):
    """Sizes that a few bytes of config make up are held against the files."""
    set_config(mine, part, **keys)
    with pytest.raises(BadInput, match=r"config.json describes .* weights or more, the files of w"):
        load_checkpoint(str(mine))
