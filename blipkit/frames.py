"""Frames to ask about: drawn scenes with their right answers, or the images of a folder."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from blipkit.errors import BadInput, nearest
from blipkit.questions import Question
from blipkit.scenes import draw_scene

DRAWN = "drawn"  # the source of frames that is no folder
FIXED_SCENE = (7, 0)  # the frame whose pixels are digested into every record
LARGEST = 50_000_000  # pixels; beyond a camera's frame, and a header is enough to fill the memory
LABELS = "labels.csv"
COLUMNS = ["file", "question", "answer"]
SHOWN = 5  # bad files in one message


@dataclass(frozen=True)
class Frame:
    """name; source: the picture, or the file it is in; answers: question -> right answer, empty where nobody labelled it."""

    name: str
    source: Image.Image | Path | None
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def image(self) -> Image.Image:
        """PIL, RGB. A file is decoded at each call: a folder's images together may be larger than the memory."""
        return read_image(self.source) if isinstance(self.source, Path) else self.source


class Images(Sequence):
    """Pictures that are decoded when they are asked for; a slice is a list."""

    def __init__(self, frames: Sequence[Frame]):
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index):
        return [f.image for f in self.frames[index]] if isinstance(index, slice) else self.frames[index].image


def images(frames: Sequence[Frame]) -> Sequence[Image.Image]:
    """The pictures alone, as a pipeline takes them: a list of drawn ones, `Images` of a folder's."""
    lazy = any(isinstance(frame.source, Path) for frame in frames)
    return Images(frames) if lazy else [frame.image for frame in frames]


def drawn_frames(count: int, seed: int) -> list[Frame]:
    """`count` scenes of the series `seed`; seeds 1 and 2 are what tiny-pets was trained and judged on."""
    scenes = [draw_scene(seed, index) for index in range(count)]
    return [Frame(f"scene {seed}-{index}", s.image, s.answers) for index, s in enumerate(scenes)]


def fixed_frame() -> Image.Image:
    """The same frame everywhere."""
    return draw_scene(*FIXED_SCENE).image


def load_frames(source: str, count: int, seed: int, skip_unreadable: bool = False) -> list[Frame]:
    """At most `count` frames: drawn scenes for `drawn`, else images of the folder `source`, drawn by `seed`.

    More frames begin with the same ones. Raises BadInput that names the images that cannot be read;
    `skip_unreadable` prints them and takes others instead.
    """
    import random

    if source == DRAWN:
        return drawn_frames(count, seed)
    folder = Path(source).expanduser()
    files = list_files(folder)
    labels = read_labels(folder / LABELS, {path.name for path in files})
    random.Random(seed).shuffle(files)
    frames, bad = [], []
    for path in files if skip_unreadable else files[:count]:
        if len(frames) == count:
            break
        try:
            read_image(path)
        except BadInput as error:
            bad.append(str(error))
        else:
            frames.append(Frame(path.name, path, labels.get(path.name, {})))
    if bad:
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        found = f"frames {source!r}: {len(bad)} of {len(bad) + len(frames)} images cannot be used: {'; '.join(bad[:SHOWN])}{more}"
        if skip_unreadable and frames:
            print(f"{found}; skipped")
        else:
            skip = "" if skip_unreadable else ", or set common.skip_unreadable to true"
            raise BadInput(f"{found}. Repair or remove them{skip}")
    return frames


def here(source: str, replay: str) -> str:
    """The source itself; the drawn scenes where a replay's folder of images is not on this machine."""
    if replay and source != DRAWN and not Path(source).expanduser().is_dir():
        print(f"{source} is not on this machine: drawn scenes are shown in its place")
        return DRAWN
    return source


def list_files(folder: Path) -> list[Path]:
    """A folder's images, sorted by name: every file but hidden ones, Thumbs.db and labels.csv."""
    if not folder.is_dir():
        seen = "is a file" if folder.exists() else "does not exist"
        raise BadInput(f"frames {str(folder)!r} {seen}; expected 'drawn' or a folder of images")
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    files = [path for path in inside if path.name not in ("Thumbs.db", LABELS) and not path.is_dir()]
    if not files:
        only = "holds only folders" if any(path.is_dir() for path in inside) else "holds no images"
        raise BadInput(f"frames {str(folder)!r} {only}; expected images directly in it")
    return sorted(files, key=lambda path: path.name)


def read_image(path: Path) -> Image.Image:
    """A file's picture by `as_rgb`; BadInput with the file's name and the reason where it has none."""
    try:
        if path.stat().st_size == 0:
            raise BadInput("is empty (0 bytes)")
        if any("\udc80" <= letter <= "\udcff" for letter in path.name):
            raise BadInput("has a name that is not UTF-8")  # no record could hold it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is the lower one
            with open(path, "rb") as file, Image.open(file) as image:  # by its name, Pillow 13 turns some TIFFs wrong
                if image.width * image.height > LARGEST:
                    raise BadInput(f"has {image.width} x {image.height} pixels, more than 50 megapixels")
                return as_rgb(image)
    except BadInput as error:
        reason = str(error)
    except Image.DecompressionBombError:
        reason = "has more than 50 megapixels"
    except UnidentifiedImageError:
        reason = "is not an image of a format that Pillow reads"
    except Exception as error:  # what a damaged file makes Pillow raise has no end
        reason = f"cannot be decoded: {str(error) or type(error).__name__}"
    raise BadInput(f"{path.name!r} {reason}")


def as_rgb(image: Image.Image) -> Image.Image:
    """RGB as a viewer shows it: upright, in sRGB, on white where it is transparent, 16 bits scaled to 8, first frame.

    Raises BadInput for 32-bit pixels, which do not say what is white.
    """
    image = ImageOps.exif_transpose(image)
    profile, alpha = image.info.get("icc_profile"), None
    low, high = image.getextrema() if image.mode == "I" else (0, 0)  # I: a 32-bit file, or some files of 16 bits
    if image.mode == "F" or low < 0 or high > 65535:
        kind = "float" if image.mode == "F" else "integer"
        raise BadInput(f"has 32-bit {kind} pixels; expected 8 or 16 bits a channel")
    grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    if image.mode.startswith("I"):
        image = scale_to_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    if image.mode != "CMYK":
        image = image.convert("L" if grey else "RGB")
    image = (profile and to_srgb(image, profile)) or image.convert("RGB")
    if alpha is not None:
        image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
    return image


def scale_to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit greyscale -> 8 bits, 65535 -> 255."""
    import numpy as np

    values = np.asarray(image).astype(np.int32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """RGB by the embedded profile, None where that is broken or has other channels."""
    import io

    from PIL import ImageCms

    try:
        return ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return None


def read_labels(path: Path, files: set[str]) -> dict[str, dict[str, str]]:
    """File -> question -> right answer, from a table of these three; empty where there is none, BadInput by line."""
    import csv
    import io
    import textwrap

    labels: dict[str, dict[str, str]] = {}
    if not path.is_file():
        return labels
    try:
        reader = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadInput(f"{path}, line {line}: is not UTF-8; expected comma-separated values, saved as UTF-8") from None
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num}: {error}; expected comma-separated values") from None
    header = rows[0][1] if rows else []
    if header != COLUMNS:
        raise BadInput(f"{path}, line 1: saw {','.join(header)!r}; expected the header {','.join(COLUMNS)}")
    for line, row in rows[1:]:
        if not any(row):
            continue
        if len(row) != len(COLUMNS) or not all(row):
            raise BadInput(
                f"{path}, line {line}: saw {row}; expected a file, a question and an answer (a comma in a text needs quotes around it)"
            )
        file, question, answer = row
        if file not in files:
            known = textwrap.shorten(nearest(file, files), 200, placeholder=" ...")
            raise BadInput(f"{path}, line {line}: no file {file!r} in the folder; {known}")
        first = labels.setdefault(file, {}).setdefault(question, answer)
        if answer != first:
            raise BadInput(
                f"{path}, line {line}: {file!r}, {question!r} is {answer!r} here and {first!r} above; keep one"
            )
    return labels


def check_labels(frames: Sequence[Frame], questions: Sequence[Question]) -> None:
    """Refuse a folder's labels that can count for nothing: none for a question that is asked, or no candidate of it."""
    asked = {q.text: q.candidates for q in questions}
    labels = [(f.name, q, a) for f in frames if isinstance(f.source, Path) for q, a in f.answers.items()]
    if labels and not any(question in asked for _, question, _ in labels):
        first = labels[0][1]
        raise BadInput(
            f"{LABELS}: none of its questions is asked; write them as in common.questions. {first!r}: {nearest(first, asked)}"
        )
    for file, question, answer in labels:
        if (candidates := asked.get(question)) and answer not in candidates:
            raise BadInput(
                f"{LABELS}: {file!r}, {question!r} is {answer!r}, no candidate of the question; {nearest(answer, candidates)}"
            )
