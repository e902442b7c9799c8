"""Frames to ask about: synthetic scenes with their right answers, or the images of a folder."""

import os
import random
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from blipkit.errors import BadInput, first_of, nearest
from blipkit.frames.images import read_image
from blipkit.frames.questions import Question
from blipkit.frames.scenes import draw_scene
from blipkit.reading.csv_text import csv_rows

SYNTHETIC = "synthetic"  # the source of frames that is no folder
LABELS = "labels.csv"
COLUMNS = ["file", "question", "answer"]
SHOWN = 5  # bad files in one message
SHOWN_NAME = 200  # characters of a name in a message


@dataclass(frozen=True)
class Frame:
    """A picture that is asked about.

    source: the picture itself, or the file that it is in; answers: question -> right answer, empty
    where nobody labelled it.
    """

    name: str
    source: Image.Image | Path | None
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def image(self) -> Image.Image:
        """The picture, RGB. A file is decoded at each call: a folder may be larger than memory."""
        if isinstance(self.source, Path):
            return read_image(self.source)
        return self.source


class Images(Sequence):
    """Pictures that are decoded when they are asked for; a slice is a list."""

    def __init__(self, frames: Sequence[Frame]):
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [frame.image for frame in self.frames[index]]
        return self.frames[index].image


def images(frames: Sequence[Frame]) -> Sequence[Image.Image]:
    """The pictures alone, as a pipeline takes them; those of a folder are read when asked for."""
    if any(isinstance(frame.source, Path) for frame in frames):
        return Images(frames)
    return [frame.image for frame in frames]


def synthetic_frames(count: int, seed: int) -> list[Frame]:
    """`count` scenes of the series `seed`; tiny-pets was trained on series 1 and judged on 2."""
    scenes = [draw_scene(seed, index) for index in range(count)]
    return [Frame(f"scene {seed}-{index}", s.image, s.answers) for index, s in enumerate(scenes)]


def fixed_frame() -> Image.Image:
    """The same frame everywhere, so that what is computed of it can be compared."""
    return draw_scene(7, 0).image


def load_frames(source: str, count: int, seed: int, skip_unreadable: bool = False) -> list[Frame]:
    """At most `count` frames by `seed`: synthetic scenes, or images of the folder `source`.

    A larger count begins with the same frames. BadInput names the images that cannot be read;
    `skip_unreadable` prints them and takes others instead.
    """
    if source == SYNTHETIC:
        return synthetic_frames(count, seed)
    files = list_files(source)
    folder = files[0].parent
    names = frame_names(folder, files)
    labels = read_labels(folder / LABELS, set(names.values()))
    random.Random(seed).shuffle(files)
    if not skip_unreadable:
        files = files[:count]
    readable, bad = _readable_and_bad(files, count)
    if bad:
        problem = _bad_in_words(source, bad, len(bad) + len(readable))
        if not skip_unreadable:
            advice = "Repair or remove them, or set common.skip_unreadable to true"
            raise BadInput(f"{problem}. {advice}")
        if not readable:
            raise BadInput(f"{problem}. Repair or remove them")
        print(f"{problem}; skipped")
    return [Frame(names[path], path, labels.get(names[path], {})) for path in readable]


def frame_names(folder: Path, files: Sequence[Path]) -> dict[Path, str]:
    """File -> name of its frame, with each letter and its accents composed (NFC).

    What writes them apart, such as macOS, means the same name. BadInput where two files would have
    the same.
    """
    names: dict[Path, str] = {}
    taken: dict[str, Path] = {}
    for path in files:
        name = unicodedata.normalize("NFC", path.name)
        if name in taken:
            problem = "two files whose names look the same and differ in how accents are written"
            raise BadInput(f"frames {str(folder)!r}: {name!r} are {problem}; rename one of them")
        taken[name] = path
        names[path] = name
    return names


def _readable_and_bad(files: Sequence[Path], count: int) -> tuple[list[Path], list[str]]:
    """The first `count` files that can be read, and what is wrong with those before that cannot."""
    readable: list[Path] = []
    bad: list[str] = []
    for path in files:
        if len(readable) == count:
            break
        try:
            read_image(path)
        except BadInput as error:
            bad.append(str(error))
        else:
            readable.append(path)
    return readable, bad


def _bad_in_words(source: str, bad: Sequence[str], tried: int) -> str:
    """How many of a folder's images cannot be used, and what is wrong with the first of them."""
    seen = f"{len(bad)} of {tried} images cannot be used: {first_of(bad, SHOWN)}"
    return f"frames {source!r}: {seen}"


def list_files(source: str) -> list[Path]:
    """A folder's images, sorted by name: every file but hidden ones, Thumbs.db and labels.csv."""
    expected = "expected 'synthetic' or a folder of images"
    try:
        folder = Path(source).expanduser()
        if not folder.is_dir():
            seen = "is a file" if folder.exists() else "does not exist"
            raise BadInput(f"frames {str(folder)!r} {seen}; {expected}")
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except (OSError, RuntimeError, ValueError) as error:  # not permitted, too long, ~nouser, NUL
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"frames {source[:SHOWN_NAME]!r}: {reason}; {expected}") from None
    files = [
        path for path in inside if path.name not in ("Thumbs.db", LABELS) and not path.is_dir()
    ]
    if not files:
        only = "holds only folders" if any(path.is_dir() for path in inside) else "holds no images"
        raise BadInput(f"frames {str(folder)!r} {only}; expected images directly in it")
    return sorted(files, key=lambda path: path.name)


def read_labels(path: Path, files: set[str]) -> dict[str, dict[str, str]]:
    """File -> question -> right answer, from a table of these three; empty where there is none.

    BadInput names the line that is not such a row, or contradicts one above. Accents are composed
    (NFC), as `frame_names` has them.
    """
    if not os.path.lexists(path):
        return {}
    if not path.is_file():  # a pipe would be waited for
        raise BadInput(f"{path} is no file; expected a table with the header {','.join(COLUMNS)}")
    labels: dict[str, dict[str, str]] = {}
    for line, row in _rows_under_header(path):
        where = f"{path}, line {line}"
        file, question, answer = _label_in(row, files, where)
        first = labels.setdefault(file, {}).setdefault(question, answer)
        if answer != first:
            raise BadInput(
                f"{where}: {file!r}, {question!r} is {answer!r} here and {first!r} above; keep one"
            )
    return labels


def _rows_under_header(path: Path) -> list[tuple[int, list[str]]]:
    """The labels' lines, each with its number; BadInput where they have another header."""
    rows = csv_rows(path)
    if not rows:
        rows = [(1, [])]
    line, header = rows[0]
    if header != COLUMNS:
        expected = f"expected the header {','.join(COLUMNS)}"
        raise BadInput(f"{path}, line {line}: saw {','.join(header)!r}; {expected}")
    return rows[1:]


def _label_in(row: list[str], files: set[str], where: str) -> list[str]:
    """A row as file, question and right answer; BadInput where it is not these, or of no file."""
    if len(row) != len(COLUMNS) or not all(row):
        expected = "expected a file, a question and an answer"
        advice = "a comma in a text needs quotes around it"
        raise BadInput(f"{where}: saw {row}; {expected} ({advice})")
    file = row[0]
    if file not in files:
        known = textwrap.shorten(nearest(file, files), 200, placeholder=" ...")
        raise BadInput(f"{where}: no file {file!r} in the folder; {known}")
    return row


def check_labels(frames: Sequence[Frame], questions: Sequence[Question]) -> None:
    """Refuse labels that cannot count: of no question that is asked, or no candidate of it."""
    asked = {q.text: q.candidates for q in questions}
    labels = [
        (frame.name, question, answer)
        for frame in frames
        if isinstance(frame.source, Path)
        for question, answer in frame.answers.items()
    ]
    if labels and not any(question in asked for _, question, _ in labels):
        first = labels[0][1]
        problem = "none of its questions is asked; write them as in common.questions"
        raise BadInput(f"{LABELS}: {problem}. {first!r}: {nearest(first, asked)}")
    for file, question, answer in labels:
        candidates = asked.get(question)
        if candidates and answer not in candidates:
            problem = f"{file!r}, {question!r} is {answer!r}, no candidate of the question"
            raise BadInput(f"{LABELS}: {problem}; {nearest(answer, candidates)}")
