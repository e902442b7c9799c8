"""Whether the parts of a checkpoint fit each other: config, weights, tokenizer, image processor.

transformers loads what does not fit without a word, or with words that say little: each misfit is
told here, when the checkpoint is loaded.
"""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from blipkit.errors import BadInput
from blipkit.model.checkpoint_files import reason_of

EXPECTED = "expected a BlipForQuestionAnswering, such as Salesforce/blip-vqa-base"
# transformers' class -> what it does instead of answering questions
OTHERS = {
    "BlipForConditionalGeneration": "captions",
    "BlipForImageTextRetrieval": "says whether a text matches a picture",
    "BlipModel": "compares pictures with texts",
    "BlipTextModel": "encodes texts alone",
    "BlipVisionModel": "encodes pictures alone",
}
# a weight that only one of these classes has: the beginning of its name -> class
MARKS = {
    "itm_head.": "BlipForImageTextRetrieval",
    "text_model.": "BlipModel",
    "visual_projection.": "BlipModel",
}
# a size of the config -> the largest that is believed
LIMITS = {
    "vision_config": {
        "hidden_size": 65_536,
        "intermediate_size": 1_048_576,
        "num_hidden_layers": 1_000,
        "num_attention_heads": 65_536,
        "image_size": 4_096,
        "patch_size": 4_096,
    },
    "text_config": {
        "hidden_size": 65_536,
        "intermediate_size": 1_048_576,
        "num_hidden_layers": 1_000,
        "num_attention_heads": 65_536,
        "vocab_size": 10_000_000,
        "max_position_embeddings": 1_000_000,
    },
}
LARGEST_SIDE = 4_096  # pixels that an image processor may make: more would fill the memory
SEEN_BY_MODEL = 50.0  # a normalised pixel is within 3 of 0; one from 0 to 255 is not


def check_class(checkpoint: str, config) -> None:
    """Refuse a config that is not a BLIP's, or is one of a BLIP that answers no questions."""
    if config.model_type != "blip":
        expected = "expected 'blip' (BlipForQuestionAnswering)"
        raise BadInput(f"{checkpoint} is a {config.model_type!r} model; {expected}")
    classes = config.architectures or []
    if classes and "BlipForQuestionAnswering" not in classes:
        raise BadInput(f"{checkpoint} is a {_in_words(str(classes[0]))}; {EXPECTED}")


def _in_words(name: str) -> str:
    """A class of models, with what it does where that is known."""
    if name in OTHERS:
        return f"{name}, which {OTHERS[name]} and answers no questions"
    return name[:80]


def check_sizes(checkpoint: str, config, stored: int | None) -> None:
    """Refuse sizes that no model has, and those of which the weights on disk are a small part.

    stored: bytes of weights on disk, None where they are not here. A config of a few bytes would
    otherwise fill the memory.
    """
    for part, limits in LIMITS.items():
        for name, most in limits.items():
            size = getattr(getattr(config, part), name)
            if type(size) is not int or not 1 <= size <= most:
                seen = f"config.json: {part}.{name} is {str(size)[:40]}"
                raise BadInput(f"{checkpoint}: {seen}; expected a whole number from 1 to {most}")
    described = least_weights(config)
    if stored is not None and described > stored:
        seen = f"config.json describes {described:.1e} weights or more"
        held = f"the files of weights hold {stored:.1e} bytes"
        advice = "are they of one checkpoint, and whole? Fetch it again"
        raise BadInput(f"{checkpoint}: {seen}, {held}; {advice}")


def least_weights(config) -> int:
    """A number of weights that the model has at least."""
    vision, text = config.vision_config, config.text_config
    rows = [vision.num_hidden_layers * (4 * vision.hidden_size + 2 * vision.intermediate_size)]
    rows += [(vision.image_size // vision.patch_size) ** 2, 3 * vision.patch_size**2]
    words = [text.num_hidden_layers * (4 * text.hidden_size + 2 * text.intermediate_size)]
    words += [text.vocab_size, text.max_position_embeddings]
    return vision.hidden_size * sum(rows) + text.hidden_size * sum(words)


def check_weights(checkpoint: str, loading: dict) -> None:
    """Refuse weights of which some are missing: transformers fills them with random numbers.

    loading: what from_pretrained says about it.
    """
    absent = sorted(loading["missing_keys"])
    if not absent:
        return
    other = _other_class(absent, sorted(loading["unexpected_keys"]))
    if other:
        raise BadInput(f"{checkpoint} has weights of a {_in_words(other)}; {EXPECTED}")
    problem = f"{len(absent)} weights are missing, first {absent[0]}"
    expected = "expected all that save_pretrained writes, under the names of this version"
    raise BadInput(
        f"{checkpoint}: {problem}; transformers would fill them with random numbers: {expected}"
    )


def _other_class(absent: list[str], unexpected: list[str]) -> str:
    """The class that weights are of by their names, "" where they tell nothing."""
    for name in unexpected:
        for mark, other in MARKS.items():
            if name.startswith(mark):
                return other
    parts = {name.partition(".")[0] for name in absent}
    if parts == {"text_encoder"} and not unexpected:
        whole = {name.split(".")[1] for name in absent}
        if {"embeddings", "encoder"} <= whole:
            return "BlipForConditionalGeneration"
    return ""


def check_token_ids(checkpoint: str, text) -> None:
    """Refuse a text config whose start, end or padding is no word of its vocabulary."""
    for name in ("bos_token_id", "sep_token_id", "pad_token_id"):
        id = getattr(text, name)
        if type(id) is not int or not 0 <= id < text.vocab_size:
            seen = f"config.json: text_config.{name} is {str(id)[:40]}"
            expected = f"expected the id of one of its {text.vocab_size} words"
            raise BadInput(f"{checkpoint}: {seen}; {expected}")


def check_processor(checkpoint: str, processor) -> None:
    """Refuse a processor that is not a tokenizer and an image processor."""
    if not hasattr(processor, "tokenizer") or not hasattr(processor, "image_processor"):
        seen = f"its processor is a {type(processor).__name__}"
        advice = "set processor_class to BlipProcessor in processor_config.json"
        raise BadInput(f"{checkpoint}: {seen}; expected a BlipProcessor: {advice}")


def check_tokenizer(checkpoint: str, tokenizer, words: int) -> None:
    """Refuse a tokenizer that stops at a word, lacks its vocabulary, or has more words than the
    model.

    transformers 5 loads one whose vocabulary file is missing without a warning, with five words.
    """
    files = "tokenizer.json or vocab.txt beside the weights"
    expected = f"expected {files}, as save_pretrained writes them"
    try:
        is_unknown = tokenizer.unk_token_id in tokenizer("dog").input_ids
    except Exception as error:  # what a stranger's settings make it raise has no end
        problem = f"its tokenizer stops at the word 'dog': {reason_of(error)}"
        raise BadInput(f"{checkpoint}: {problem}; {expected}") from None
    if is_unknown:
        problem = f"its tokenizer does not know 'dog' ({len(tokenizer)} entries)"
        raise BadInput(f"{checkpoint}: {problem}; {expected}")
    if len(tokenizer) > words:
        problem = f"its tokenizer has {len(tokenizer)} words, the model {words}"
        raise BadInput(f"{checkpoint}: {problem}; are they of one checkpoint?")


def check_image_processor(checkpoint: str, processor, size: int) -> None:
    """Refuse an image processor that makes other pixels than the model takes.

    size: of the pictures that the model takes, pixels. Two pictures are tried: a wide and a high
    one.
    """
    where = "processor_config.json or preprocessor_config.json"
    sides = _sides(processor)
    if not all(type(side) is int and 1 <= side <= LARGEST_SIDE for side in sides.values()):
        seen = f"its image processor's sizes are {str(sides)[:120]}"
        advice = f"set size to {{height: {size}, width: {size}}} in {where}"
        raise BadInput(f"{checkpoint}: {seen}; expected 1 to {LARGEST_SIDE} pixels; {advice}")
    for shape in ((48, 30), (30, 48)):
        picture = Image.linear_gradient("L").resize(shape).convert("RGB")
        try:
            batch = processor([picture], return_tensors="np")
            pixels = np.asarray(batch["pixel_values"], dtype=np.float64)
        except Exception as error:  # what a stranger's settings make it raise has no end
            advice = f"compare {where} with those of Salesforce/blip-vqa-base"
            problem = f"its image processor stops at a picture: {reason_of(error)}"
            raise BadInput(f"{checkpoint}: {problem}; {advice}") from None
        made = " x ".join(str(side) for side in pixels.shape[:1:-1])
        if pixels.shape != (1, 3, size, size):
            seen = f"of a picture of {shape[0]} x {shape[1]} its image processor makes {made}"
            advice = f"set do_resize to true and size to {size} x {size} in {where}"
            raise BadInput(
                f"{checkpoint}: {seen} pixels, its model takes {size} x {size}; {advice}, and "
                "leave do_center_crop out"
            )
        if not np.isfinite(pixels).all() or np.abs(pixels).max() > SEEN_BY_MODEL:
            seen = f"its image processor makes pixels from {pixels.min():.3g} to {pixels.max():.3g}"
            advice = f"look at do_rescale, rescale_factor, image_mean and image_std in {where}"
            raise BadInput(f"{checkpoint}: {seen}; expected about -2 to 3; {advice}")


def _sides(processor) -> dict[str, object]:
    """What the settings of an image processor say about lengths, by their names."""
    sides: dict[str, object] = {}
    for name in ("size", "crop_size", "pad_size"):
        setting = getattr(processor, name, None) or {}
        parts = setting
        if not isinstance(setting, Mapping):
            parts = getattr(setting, "__dict__", {"all": setting})  # transformers 5: an object
        for part, side in parts.items():
            if side is not None:
                sides[f"{name}.{part}"] = side
    return sides
