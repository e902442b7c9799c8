"""A checkpoint: weights, config, tokenizer and image processor, from a built-in name, a folder or a
model hub.

`builtin:tiny-pets` is the project's own trained model (training/tiny_pets.py).
`builtin:random-base` has the shapes of Salesforce/blip-vqa-base and seeded random weights: real
times and sizes, meaningless answers.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError, nearest
from blipkit.model.builtin import BUILTIN, TINY_PETS, random_base_folder


@dataclass
class Checkpoint:
    """source: the name it was asked for by; model: transformers' own class, eval, float32;
    processor: likewise.
    """

    source: str
    model: object
    processor: object
    # whether the synthetic scenes' labels are this checkpoint's to answer
    trained_on_scenes: bool = False
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
        """Digest of a fixed frame after this checkpoint's image processor; machines that differ
        here differ everywhere.
        """
        from blipkit.frames.frames import fixed_frame

        made = self.processor.image_processor([fixed_frame()], return_tensors="np")
        return digest([made["pixel_values"].tobytes()])

    @property
    def image_backend(self) -> str:
        """Class that turns a frame into pixels; it differs by whether torchvision is installed."""
        return type(self.processor.image_processor).__name__

    def provenance(self) -> dict:
        """What every record says about the checkpoint; revision: the hub's commit, where it came
        from there.
        """
        about = {"checkpoint": self.source}
        if self.revision:
            about["revision"] = self.revision
        about["weights_digest"] = self.digest
        about["pixel_digest"] = self.pixel_digest
        about["image_backend"] = self.image_backend
        return about


def weights_digest(module) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of a module's state, 16 hex digits."""
    return digest(
        part
        for name, tensor in sorted(module.state_dict().items())
        for part in (f"{name} ", tensor)
    )


def digest(parts: Iterable) -> str:
    """SHA-256 over texts, bytes and tensors (type, shape and bytes) in succession, 16 hex
    digits.
    """
    import torch

    seen = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.Tensor):
            seen.update(f"{part.dtype} {tuple(part.shape)}".encode())
            part = part.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
        elif isinstance(part, str):
            part = part.encode()
        seen.update(part)
    return seen.hexdigest()[:16]


def check_source(source: str) -> str:
    """What kind of checkpoint a name means: builtin, folder or hub; BadInput where it is none.
    Loads nothing.
    """
    if source.startswith("builtin:"):
        name = source.removeprefix("builtin:")
        if name not in BUILTIN:
            raise BadInput(f"checkpoint {source!r}: {nearest(name, BUILTIN)}")
        return "builtin"
    if Path(source).expanduser().is_dir():
        return "folder"
    name = source.partition("@")[0]
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        known = ", ".join(f"builtin:{name}" for name in BUILTIN)
        expected = f"expected {known}, a folder, or a hub id such as Salesforce/blip-vqa-base"
        raise BadInput(f"checkpoint {source!r}: no such folder; {expected}")
    return "hub"


def load_checkpoint(source: str) -> Checkpoint:
    """Load `builtin:NAME`, a folder in the transformers layout, or a hub id, `owner/name` or
    `owner/name@revision`.

    Raises BadInput where there is no such checkpoint, or where it is not a BLIP for question
    answering.
    """
    kind = check_source(source)
    is_pets = source == "builtin:tiny-pets"
    place = Path(source).expanduser()
    revision = ""
    if is_pets:
        place = TINY_PETS
    elif kind == "builtin":
        place = random_base_folder()
    elif kind == "hub":
        place, _, revision = source.partition("@")
    model, processor = _load(f"checkpoint {source!r}", str(place), revision or "main")
    commit = None
    if kind == "hub":
        commit = getattr(model.config, "_commit_hash", None)
    return Checkpoint(source, model, processor, trained_on_scenes=is_pets, revision=commit)


def load_unchanged(source: str, digest: str) -> Checkpoint:
    """In a child: load a checkpoint that must be the one the parent has."""
    loaded = load_checkpoint(source)
    if loaded.digest != digest:
        seen = f"weights {digest}, now {loaded.digest}"
        raise BlipkitError(
            f"checkpoint {source!r} changed while it was being compiled: {seen}; run again"
        )
    return loaded


def _load(checkpoint: str, place: str, revision: str):
    from transformers import AutoConfig, AutoProcessor, BlipForQuestionAnswering
    from transformers.utils import logging

    def load(what, **options):
        try:
            return what.from_pretrained(place, revision=revision, **options)
        except Exception as error:  # what a stranger's folder makes transformers raise has no end
            first = str(error).strip().partition("\n")[0] or type(error).__name__
            raise BadInput(f"{checkpoint} did not load: {first}; {_advice(place)}") from None

    logging.disable_progress_bar()  # a bar per load fills notebooks and logs
    config = load(AutoConfig)
    if config.model_type != "blip":
        expected = "expected 'blip' (BlipForQuestionAnswering)"
        raise BadInput(f"{checkpoint} is a {config.model_type!r} model; {expected}")
    model, about = load(
        BlipForQuestionAnswering, attn_implementation="eager", output_loading_info=True
    )
    if absent := sorted(about["missing_keys"]):
        seen = f"{len(absent)} weights are missing, first {absent[0]}"
        expected = "expected all that save_pretrained writes, under the names of this version"
        raise BadInput(
            f"{checkpoint}: {seen}; transformers would fill them with random numbers: {expected}"
        )
    processor = load(AutoProcessor)
    _check_tokenizer(checkpoint, processor.tokenizer, config.text_config.vocab_size)
    return model.float().eval(), processor


def _advice(place: str) -> str:
    """What to do where a folder, or a hub's checkpoint, does not load."""
    if Path(place).is_dir():
        needed = "config.json, weights, tokenizer and image processor"
        return f"a folder needs {needed} as save_pretrained writes them"
    return f"where the hub cannot be reached, run hf download {place} elsewhere and pass the folder"


def _check_tokenizer(checkpoint: str, tokenizer, words: int) -> None:
    """A tokenizer whose vocabulary file is missing loads without a word of warning and knows five
    words (5.x).
    """
    if tokenizer.unk_token_id in tokenizer("dog").input_ids:
        seen = f"its tokenizer does not know 'dog' ({len(tokenizer)} entries)"
        files = "tokenizer.json or vocab.txt beside the weights"
        raise BadInput(f"{checkpoint}: {seen}; expected {files}, as save_pretrained writes them")
    if len(tokenizer) > words:
        seen = f"its tokenizer has {len(tokenizer)} words, the model {words}"
        raise BadInput(f"{checkpoint}: {seen}; are they of one checkpoint?")
