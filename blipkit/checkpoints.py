"""A checkpoint: weights, config, tokenizer and image processor, from a built-in name, a folder or a model hub.

`builtin:tiny-pets` is the project's own trained model (blipkit/tiny_pets/train.py). `builtin:random-base` has the
shapes of Salesforce/blip-vqa-base and seeded random weights: real times and sizes, meaningless answers.
"""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError, nearest

TINY_PETS = Path(__file__).parent / "tiny_pets" / "checkpoint"
RANDOM_BASE = "random-base-1"  # folder name in the cache; the number changes when its recipe does


@dataclass
class Checkpoint:
    """source: the name it was asked for by; model: transformers' own class, eval, float32; processor: likewise."""

    source: str
    model: object
    processor: object
    trained_on_scenes: bool = False  # whether the drawn scenes' labels are this checkpoint's to answer
    revision: str | None = None
    _digests: dict = field(default_factory=dict, repr=False)

    @property
    def config(self):
        return self.model.config

    @property
    def digest(self) -> str:
        """SHA-256 of all weights, 16 hex digits."""
        return self.digest_of(self.model, "")

    def digest_of(self, module, name: str) -> str:
        """SHA-256 of a submodule's weights; remembered under `name`."""
        if name not in self._digests:
            self._digests[name] = weights_digest(module)
        return self._digests[name]

    @cached_property
    def pixel_digest(self) -> str:
        """Digest of a fixed frame after this checkpoint's image processor; machines that differ here differ everywhere."""
        from blipkit.frames import fixed_frame

        pixels = self.processor.image_processor([fixed_frame()], return_tensors="np")["pixel_values"]
        return hashlib.sha256(pixels.tobytes()).hexdigest()[:16]

    @property
    def image_backend(self) -> str:
        """Class that turns a frame into pixels; it differs by whether torchvision is installed."""
        return type(self.processor.image_processor).__name__

    def provenance(self) -> dict:
        """What every record says about the checkpoint."""
        return {
            "checkpoint": self.source,
            "weights_digest": self.digest,
            "pixel_digest": self.pixel_digest,
            "image_backend": self.image_backend,
        }


def weights_digest(module) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of a module's state, 16 hex digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(_bytes()).numpy().data)
    return digest.hexdigest()[:16]


def _bytes():
    import torch

    return torch.uint8


BUILTIN = ("tiny-pets", "random-base")


def check_source(source: str) -> str:
    """What kind of checkpoint a name means: builtin, folder or hub; BadInput where it is none. Loads nothing."""
    if source.startswith("builtin:"):
        name = source.removeprefix("builtin:")
        if name not in BUILTIN:
            raise BadInput(f"checkpoint {source!r}: {nearest(name, BUILTIN)}")
        return "builtin"
    folder = Path(source).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise BadInput(
                f"checkpoint {source!r}: the folder has no config.json; expected what save_pretrained writes"
            )
        return "folder"
    name = source.partition("@")[0]
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise BadInput(
            f"checkpoint {source!r}: no such folder; expected builtin:tiny-pets, builtin:random-base, a folder, "
            f"or a hub id such as Salesforce/blip-vqa-base"
        )
    return "hub"


def load_checkpoint(source: str) -> Checkpoint:
    """Load `builtin:NAME`, a folder in the transformers layout, or a hub id, `owner/name` or `owner/name@revision`.

    Raises BadInput where there is no such checkpoint, or where it is not a BLIP for question answering.
    """
    kind = check_source(source)
    if kind == "builtin":
        folder = TINY_PETS if source == "builtin:tiny-pets" else random_base_folder()
        return Checkpoint(source, *_load(source, str(folder), None), trained_on_scenes=folder == TINY_PETS)
    if kind == "folder":
        return Checkpoint(source, *_load(source, str(Path(source).expanduser()), None))
    name, _, revision = source.partition("@")
    model, processor = _load(source, name, revision or "main")
    return Checkpoint(source, model, processor, revision=getattr(model.config, "_commit_hash", None))


def _load(source: str, place: str, revision: str | None):
    from transformers import AutoConfig, AutoProcessor, BlipForQuestionAnswering
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar per load fills notebooks and logs
    options = {} if revision is None else {"revision": revision}
    try:
        config = AutoConfig.from_pretrained(place, **options)
        if config.model_type != "blip":
            raise BadInput(
                f"checkpoint {source!r} is a {config.model_type!r} model; expected 'blip' (BlipForQuestionAnswering)"
            )
        model = BlipForQuestionAnswering.from_pretrained(place, dtype="float32", attn_implementation="eager", **options)
        processor = AutoProcessor.from_pretrained(place, **options)
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        advice = "a folder needs config.json, weights, tokenizer and image processor as save_pretrained writes them"
        if revision is not None:
            advice = f"where the hub cannot be reached, fetch it elsewhere (hf download {place}) and pass the folder"
        raise BadInput(f"checkpoint {source!r} did not load: {first}; {advice}") from None
    _check_tokenizer(source, processor.tokenizer, config.text_config.vocab_size)
    return model.eval(), processor


def _check_tokenizer(source: str, tokenizer, words: int) -> None:
    """A tokenizer whose vocabulary file is missing loads without a word of warning and knows five words (5.x)."""
    if tokenizer.unk_token_id in tokenizer("dog").input_ids:
        raise BadInput(
            f"checkpoint {source!r}: its tokenizer does not know 'dog' ({len(tokenizer)} entries); "
            f"expected tokenizer.json or vocab.txt beside the weights, as save_pretrained writes them"
        )
    if len(tokenizer) > words:
        raise BadInput(
            f"checkpoint {source!r}: its tokenizer has {len(tokenizer)} words, the model {words}; are they of one checkpoint?"
        )


def random_base_folder() -> Path:
    """Folder of `builtin:random-base`, made on first use in the user's cache (1.5 GB)."""
    from filelock import FileLock

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blipkit"
    folder = cache / RANDOM_BASE
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{RANDOM_BASE}.lock"):
        if not folder.is_dir():
            part = folder.with_suffix(".part")
            try:
                _save_random_base(part)
            except OSError as error:
                raise BlipkitError(
                    f"builtin:random-base needs 1.5 GB in {cache}: {error}; free some, or set XDG_CACHE_HOME"
                ) from None
            part.rename(folder)
    return folder


def _save_random_base(folder: Path) -> None:
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
    """Write tokenizer and image processor beside the weights, as transformers 4 and 5 both read them."""
    from transformers import BlipProcessor
    from transformers.models.blip import image_processing_blip

    try:  # transformers 5: the class that needs no torchvision
        from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil as ImageProcessor
    except ImportError:
        ImageProcessor = image_processing_blip.BlipImageProcessor
    image_processor = ImageProcessor(size={"height": image_size, "width": image_size})
    BlipProcessor(image_processor, tokenizer).save_pretrained(folder)
    image_processor.save_pretrained(folder)  # transformers 4 looks for preprocessor_config.json


def word_tokenizer(bert_ids: bool = False):
    """WordPiece over the words of the built-in questions and answers, with single letters so that no word is unknown.

    bert_ids: put [SEP] and [DEC] at the ids that BLIP-base uses (102 and 30522).
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertTokenizerFast

    from blipkit.scenes import ACTIVITIES, QUESTIONS

    words = sorted({w for text in (*QUESTIONS, *ACTIVITIES, "yes no") for w in text.replace("?", " ").split()})
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    rest = list(dict.fromkeys([*".,?!'-", *letters, *(f"##{c}" for c in letters), *words]))
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *rest]
    if bert_ids:
        entries = ["[PAD]", *(f"[unused{i}]" for i in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]", *rest]
        entries += [f"[unused{i}]" for i in range(len(entries), 30522)] + ["[DEC]", "[ENC]"]
    vocabulary = {token: i for i, token in enumerate(entries)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [(t, vocabulary[t]) for t in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    tokenizer.decoder = decoders.WordPiece()
    return BertTokenizerFast(tokenizer_object=tokenizer, bos_token="[DEC]", model_max_length=512 if bert_ids else 64)
