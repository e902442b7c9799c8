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
from blipkit.model.checkpoint_files import REASON, TEXTS, check_files, reason_of, weight_bytes
from blipkit.model.fit import (
    check_class,
    check_image_processor,
    check_processor,
    check_sizes,
    check_token_ids,
    check_tokenizer,
    check_weights,
)


@dataclass
class Checkpoint:
    """A model with what it is fed by, all of transformers' own classes.

    source: the name that it was loaded by; model: in float32, set to eval; processor: tokenizer and
    image processor; trained_on_scenes: whether it was trained to answer the synthetic scenes;
    revision: the hub's commit, None for what did not come from a hub.
    """

    source: str
    model: object
    processor: object
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
        """Digest of the pixels that this checkpoint's image processor makes of a fixed frame.

        Machines that differ here differ in every figure.
        """
        from blipkit.frames.frames import fixed_frame

        batch = self.processor.image_processor([fixed_frame()], return_tensors="np")
        return digest([batch["pixel_values"].tobytes()])

    @property
    def image_backend(self) -> str:
        """Name of the class that makes pixels of frames; it depends on torchvision being there."""
        return type(self.processor.image_processor).__name__

    def provenance(self) -> dict:
        """What every record says about the checkpoint: key -> value, as JSON has them."""
        keys = {"checkpoint": self.source}
        if self.revision:
            keys["revision"] = self.revision
        keys["weights_digest"] = self.digest
        keys["pixel_digest"] = self.pixel_digest
        keys["image_backend"] = self.image_backend
        return keys


def weights_digest(module) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of a module's state, 16 hex digits."""
    return digest(
        part
        for name, tensor in sorted(module.state_dict().items())
        for part in (f"{name} ", tensor)
    )


def digest(parts: Iterable) -> str:
    """SHA-256 over texts, bytes and tensors (type, shape and bytes), one after the other, 16 hex
    digits.
    """
    import torch

    hashed = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.Tensor):
            hashed.update(f"{part.dtype} {tuple(part.shape)}".encode())
            part = part.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
        elif isinstance(part, str):
            part = part.encode()
        hashed.update(part)
    return hashed.hexdigest()[:16]


def is_demonstration(source: str) -> bool:
    """Whether a checkpoint's source names one of the project's own, which nobody serves."""
    return source.startswith("builtin:")


def check_source(source: str) -> str:
    """The kind of checkpoint that a name means: builtin, folder or hub. Loads nothing.

    BadInput where it means none.
    """
    if is_demonstration(source):
        name = source.removeprefix("builtin:")
        if name not in BUILTIN:
            raise BadInput(f"checkpoint {source!r}: {nearest(name, BUILTIN)}")
        return "builtin"
    if _folder_named(source).is_dir():
        return "folder"
    name = source.partition("@")[0]
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        known = ", ".join(f"builtin:{name}" for name in BUILTIN)
        expected = f"expected {known}, a folder, or a hub id such as Salesforce/blip-vqa-base"
        raise BadInput(f"checkpoint {source!r}: no such folder; {expected}")
    return "hub"


def _folder_named(source: str) -> Path:
    """The folder that a name would mean; BadInput where no folder can have it."""
    try:
        folder = Path(source).expanduser()
        folder.stat()
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~nouser, NUL, not permitted
        reason = getattr(error, "strerror", None) or str(error)
        expected = "expected builtin:NAME, a folder that can be read, or a hub id"
        raise BadInput(f"checkpoint {source[:REASON]!r}: {reason}; {expected}") from None
    return folder


def load_checkpoint(source: str) -> Checkpoint:
    """The checkpoint `builtin:NAME`, of a folder in transformers' layout, or of a hub:
    `owner/name` or `owner/name@revision`.

    BadInput where there is none, where it is not a BLIP for question answering, or where it asks
    for code of its own, which is never run.
    """
    kind = check_source(source)
    checkpoint = f"checkpoint {source!r}"
    if kind == "hub":
        place, _, revision = source.partition("@")
        texts = _fetched_texts(checkpoint, place, revision or "main")
        check_files(checkpoint, texts)
        # what was examined is what is loaded, whatever a branch says by then
        commit = texts.name
        model, processor = _load(checkpoint, place, commit)
        return Checkpoint(source, model, processor, revision=commit)
    is_pets = source == "builtin:tiny-pets"
    folder = _folder_named(source)
    if is_pets:
        folder = TINY_PETS
    elif kind == "builtin":
        folder = random_base_folder()
    check_files(checkpoint, folder)
    model, processor = _load(checkpoint, str(folder), stored=weight_bytes(folder) or None)
    return Checkpoint(source, model, processor, trained_on_scenes=is_pets)


def load_unchanged(source: str, digest: str) -> Checkpoint:
    """In a child process: the checkpoint that the parent has, by its digest.

    BlipkitError where the weights changed since the parent loaded them.
    """
    loaded = load_checkpoint(source)
    if loaded.digest != digest:
        weights = f"weights {digest}, now {loaded.digest}"
        raise BlipkitError(
            f"checkpoint {source!r} changed since this run loaded it: {weights}; run again"
        )
    return loaded


def _fetched_texts(checkpoint: str, name: str, revision: str) -> Path:
    """The folder of a hub's checkpoint, named by its commit; all texts are in it, and maybe no
    weights.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(TEXTS)))
    except Exception as error:  # what a hub or the way to it makes it raise has no end
        raise _not_loaded(checkpoint, name, error) from None


def _load(checkpoint: str, place: str, revision: str = "main", stored: int | None = None):
    """(model, processor) from a folder or hub id.

    checkpoint: what messages call it; stored: bytes of weights on disk, None where not known.
    """
    from transformers import AutoConfig, AutoProcessor, BlipForQuestionAnswering
    from transformers.utils import logging

    def load(auto_class, **options):
        try:
            return auto_class.from_pretrained(
                place, revision=revision, trust_remote_code=False, **options
            )
        except Exception as error:  # what a stranger's folder makes transformers raise has no end
            raise _not_loaded(checkpoint, place, error) from None

    logging.disable_progress_bar()  # a bar per load fills notebooks and logs
    config = load(AutoConfig)
    check_class(checkpoint, config)
    check_sizes(checkpoint, config, stored)
    check_token_ids(checkpoint, config.text_config)
    model, loading = load(
        BlipForQuestionAnswering, attn_implementation="eager", output_loading_info=True
    )
    check_weights(checkpoint, loading)
    processor = load(AutoProcessor)
    check_processor(checkpoint, processor)
    check_tokenizer(checkpoint, processor.tokenizer, config.text_config.vocab_size)
    check_image_processor(checkpoint, processor.image_processor, config.vision_config.image_size)
    return model.float().eval(), processor


def _not_loaded(checkpoint: str, place: str, error: Exception) -> BadInput:
    """What to raise where a library could not load a checkpoint: the reason, and advice."""
    return BadInput(f"{checkpoint} did not load: {reason_of(error)}; {_advice(place)}")


def _advice(place: str) -> str:
    """What to do where a folder, or a hub's checkpoint, does not load."""
    if Path(place).is_dir():
        needed = "config.json, weights, tokenizer and image processor"
        return f"a folder needs {needed} as save_pretrained writes them"
    return f"where the hub cannot be reached, run hf download {place} elsewhere and pass the folder"
