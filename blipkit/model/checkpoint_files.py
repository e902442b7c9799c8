"""A checkpoint's files, examined before transformers opens any of them.

A checkpoint may be a stranger's. What its files say is data: nothing that comes with it is run,
and a file that would fill the memory, or never ends, is not opened.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from blipkit.errors import BadInput

LARGEST_TEXT = 64  # MiB; the tokenizer.json of the largest vocabularies has half of that
TEXTS = ("*.json", "*.txt", "*.jinja")  # what a hub is asked for before the weights
TEXT = re.compile(r".*\.(json|txt|jinja)")
# what transformers reads as an object: names of its own, and variants such as config.4.0.json
OBJECT = re.compile(
    r"(config|tokenizer)(\..*)?\.json"
    r"|(generation|(video_)?preprocessor|processor|tokenizer|adapter)_config\.json"
    r"|(special_tokens_map|added_tokens|chat_template)\.json"
    r"|.*\.index\.json"
)
# keys that make transformers load a module of the checkpoint's own
CODE_KEYS = ("auto_map", "custom_pipelines", "trust_remote_code")
REASON = 250  # characters of what a library says about its failure
WEIGHTS = (".safetensors", ".bin")
MIB = 2**20


def check_files(checkpoint: str, folder: Path) -> None:
    """Refuse a folder that asks for its own code, or whose files are none that can be read.

    checkpoint: what messages call it.
    """
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            _check_folder_name(checkpoint, path)
            continue
        if not path.is_file():
            seen = "is no file (a pipe, a device, or a link to nothing)"
            raise BadInput(f"{checkpoint}: {path.name} {seen}; put a copy of the file there")
        if TEXT.fullmatch(path.name):
            _check_text(checkpoint, path)


def reason_of(error: Exception) -> str:
    """What a library's error says, in one line of whole words, about 250 characters at most, or
    its kind.
    """
    text = " ".join(str(error).split())
    if len(text) > REASON:
        words, _, _ = text[:REASON].rpartition(" ")
        text = f"{words or text[:REASON]} ..."
    return text or type(error).__name__


def weight_bytes(folder: Path) -> int:
    """How many bytes a folder's files have that are no texts."""
    files = [path for path in folder.iterdir() if path.is_file()]
    return sum(path.stat().st_size for path in files if not TEXT.fullmatch(path.name))


def _check_folder_name(checkpoint: str, path: Path) -> None:
    """Refuse a folder in the place of a file."""
    if OBJECT.fullmatch(path.name) or path.suffix in WEIGHTS:
        raise BadInput(f"{checkpoint}: {path.name} is a folder; expected a file")


def _check_text(checkpoint: str, path: Path) -> None:
    """Refuse a text that is too large, no JSON object where one is meant, or asks for code."""
    is_read = bool(OBJECT.fullmatch(path.name))
    size = path.stat().st_size
    if size > LARGEST_TEXT * MIB:
        seen = f"{path.name} has {size / MIB:.0f} MiB"
        expected = f"expected at most {LARGEST_TEXT}, as save_pretrained writes it"
        raise BadInput(f"{checkpoint}: {seen}; {expected}")
    if path.suffix != ".json":
        return
    try:
        content = _object_in(path)
    except BadInput as error:
        if is_read:
            raise BadInput(f"{checkpoint}: {path.name} {error}") from None
        return
    for node in _objects_in(content):
        _check_no_code(checkpoint, path.name, node)
    if path.name.endswith(".index.json"):
        _check_shards(checkpoint, path, content)


def _object_in(path: Path) -> dict:
    """A file's JSON object; BadInput, without the file's name, where it holds none."""
    expected = "expected an object as save_pretrained writes it; fetch the file again"
    try:
        content = json.loads(path.read_bytes())
    except RecursionError:
        raise BadInput(f"is nested too deeply; {expected}") from None
    except ValueError as error:  # no UTF-8, no JSON, or a number of thousands of digits
        reason = str(error)[:100]
        raise BadInput(f"is no JSON ({reason}); {expected}") from None
    if not isinstance(content, dict):
        raise BadInput(f"holds a JSON {type(content).__name__}; {expected}")
    return content


def _objects_in(content: dict) -> Iterator[dict]:
    """The object itself and all objects in it."""
    left: list = [content]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)


def _check_no_code(checkpoint: str, name: str, node: dict) -> None:
    """Refuse an object that names code to load; a vocabulary may have such a word, with its id."""
    for key in CODE_KEYS:
        value = node.get(key)
        if value and type(value) is not int:
            seen = f"{name} asks for code of its own ({key})"
            expected = "it is never run: expected a BLIP of transformers' own class"
            advice = "where it is one, remove the key from a copy of the folder and pass that"
            raise BadInput(f"{checkpoint}: {seen}; {expected}; {advice}")


def _check_shards(checkpoint: str, index: Path, content: dict) -> None:
    """Refuse an index of weights that names anything but files beside it."""
    places = content.get("weight_map")
    if not isinstance(places, dict):
        expected = "expected weight_map: {weight: file}, as save_pretrained writes it"
        raise BadInput(f"{checkpoint}: {index.name} has no weight_map; {expected}")
    for file in places.values():
        if not isinstance(file, str) or Path(file).name != file:
            seen = f"{index.name} names {str(file)[:80]!r}"
            raise BadInput(f"{checkpoint}: {seen}; expected names of files beside it")
