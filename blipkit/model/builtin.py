"""The checkpoints that the kit brings or makes: the trained `tiny-pets`, and `random-base`, made on
first use.
"""

import os
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError
from blipkit.frames.scenes import ACTIVITIES, QUESTIONS

BUILTIN = ("tiny-pets", "random-base")
TINY_PETS = Path(__file__).parent / "tiny_pets" / "checkpoint"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # tokens that no text has
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
RANDOM_BASE = "random-base-1"  # folder name in the cache; the number changes when its recipe does


def random_base_folder() -> Path:
    """Folder of `builtin:random-base`, made on first use in the user's cache (1.5 GB)."""
    from filelock import FileLock

    cache = _cache()
    folder = cache / RANDOM_BASE
    with FileLock(cache / f"{RANDOM_BASE}.lock"):
        if not folder.is_dir():
            part = folder.with_suffix(".part")
            try:
                _save_random_base(part)
            except OSError as error:
                problem = f"builtin:random-base needs 1.5 GB in {cache}: {error}"
                raise BlipkitError(f"{problem}; free some, or set XDG_CACHE_HOME") from None
            part.rename(folder)
    return folder


def _cache() -> Path:
    """The user's cache, made; BadInput where there is no place for one."""
    advice = "set XDG_CACHE_HOME, or HOME, to a folder of yours with 1.5 GB to spare"
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blipkit"
    except RuntimeError:
        raise BadInput(f"builtin:random-base: this user has no home folder; {advice}") from None
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be made: {error.strerror}"
        raise BadInput(f"builtin:random-base: its folder {cache} {problem}; {advice}") from None
    if not os.access(cache, os.W_OK | os.X_OK):
        raise BadInput(f"builtin:random-base: its folder {cache} is not yours to write; {advice}")
    return cache


def _save_random_base(folder: Path) -> None:
    """Write a BLIP-base with seeded random weights, and its processor, into a folder."""
    import torch
    from transformers import BlipConfig, BlipForQuestionAnswering

    # BLIP's default vision range is 1e-10, which makes every image look the same
    vision = {"image_size": 384, "patch_size": 16, "initializer_range": 0.02}
    text = {
        "num_attention_heads": 12,
        "vocab_size": 30524,
        "bos_token_id": 30522,
        "sep_token_id": 102,
        "pad_token_id": 0,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BlipForQuestionAnswering(BlipConfig(vision_config=vision, text_config=text))
    model.save_pretrained(folder)
    save_processor(word_tokenizer(bert_ids=True), 384, folder)


def save_processor(tokenizer, image_size: int, folder: Path) -> None:
    """Write tokenizer and image processor beside the weights, as transformers 4 and 5 both read
    them.
    """
    from transformers import BlipProcessor

    try:  # transformers 5: the class that needs no torchvision
        from transformers.models.blip.image_processing_pil_blip import (
            BlipImageProcessorPil as ImageProcessor,
        )
    except ImportError:
        from transformers.models.blip.image_processing_blip import (
            BlipImageProcessor as ImageProcessor,
        )
    image_processor = ImageProcessor(size={"height": image_size, "width": image_size})
    BlipProcessor(image_processor, tokenizer).save_pretrained(folder)
    image_processor.save_pretrained(folder)  # transformers 4 looks for preprocessor_config.json


def word_tokenizer(bert_ids: bool = False):
    """WordPiece over the words of the built-in questions and answers, with single letters so that
    no word is unknown.

    bert_ids: put [SEP] and [DEC] at the ids that BLIP-base uses (102 and 30522).
    """
    from tokenizers import BertWordPieceTokenizer, Tokenizer
    from transformers import BertTokenizerFast

    entries = _bert_entries() if bert_ids else [*SPECIAL, "[DEC]", *_known_words()]
    vocabulary = {token: i for i, token in enumerate(entries)}
    # as BERT's own splits and joins words
    tokenizer = Tokenizer.from_str(BertWordPieceTokenizer(vocabulary).to_str())
    return BertTokenizerFast(
        tokenizer_object=tokenizer, bos_token="[DEC]", model_max_length=512 if bert_ids else 64
    )


def _known_words() -> list[str]:
    """Punctuation marks, single letters, and the words of the built-in questions and answers."""
    texts = (*QUESTIONS, *ACTIVITIES, "yes no")
    words = sorted({word for text in texts for word in text.replace("?", " ").split()})
    inside = [f"##{letter}" for letter in LETTERS]  # of a word
    return list(dict.fromkeys([*".,?!'-", *LETTERS, *inside, *words]))


def _bert_entries() -> list[str]:
    """The vocabulary with the ids of BLIP-base, unused entries in between."""
    padding, *special = SPECIAL
    entries = [padding, *_unused(0, 99), *special, *_known_words()]
    entries += _unused(len(entries), 30522)
    return [*entries, "[DEC]", "[ENC]"]


def _unused(first: int, end: int) -> list[str]:
    """BERT's placeholders for the ids from first to end - 1."""
    return [f"[unused{i}]" for i in range(first, end)]
