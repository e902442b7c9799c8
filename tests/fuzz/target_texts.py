"""Texts that a user writes: profiles, --set, price tables and labels."""

import json
import shutil
from pathlib import Path

import mutators
import yaml
from campaign import Target
from PIL import Image
from sandbox import Case

from blipkit.cost.prices import find_price, load_prices
from blipkit.frames.frames import COLUMNS, check_labels, load_frames
from blipkit.frames.questions import parse_questions
from blipkit.model.buckets import parse_buckets
from blipkit.paths import PROFILES
from blipkit.profiles.profile import load_profile
from blipkit.profiles.sections import sections
from blipkit.runners.arms import parse_arm

KNOBS = [
    f"{name}.{knob}"
    for name, cls in sections().items()
    for knob in load_profile("tiny").resolved()[name]
]


def profile_seeds(place: Path) -> None:
    """The kit's own profiles, one with every knob, and one with merge keys and anchors."""
    for path in sorted(PROFILES.glob("*.yaml")):
        (place / path.stem).mkdir()
        shutil.copy(path, place / path.stem / "p.yaml")
    (place / "whole").mkdir()
    (place / "whole/p.yaml").write_text(yaml.safe_dump(load_profile("tiny").resolved()))


def spoil_profile(case: Case) -> None:
    """A change in the file, beside it a --set, or something else in the file's place."""
    rng, path = case.rng, case.folder / "p.yaml"
    kind = rng.random()
    if kind < 0.06:
        case.did.append(mutators.replace_file(rng, path, case.world))
    elif kind < 0.7:
        written, said = mutators.spoil_yaml(rng, path.read_text())
        path.write_bytes(written)
        case.did.append(said)
    if kind > 0.5:
        settings = _settings(rng)
        (case.folder / "settings.json").write_text(json.dumps(settings))
        case.did.append(f"--set {settings}"[:120])


def _settings(rng) -> list[str]:
    """One to three --set, most of a knob that is there."""
    settings = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        key = rng.choice([*KNOBS, "common.nobody", "nobody.x", rng.choice(mutators.WORDS)])
        bits = [*mutators.YAML_BITS, *map(json.dumps, mutators.WORDS), mutators.yaml_bomb(rng)]
        value = rng.choice(bits)
        settings.append(
            rng.choice([f"{key}={value}", f"{key}={value}", key, f"={value}", f"{key}=="])
        )
    return settings


def read_profile(case: Case) -> None:
    """What `blipkit run` does with a profile before it looks at anything else."""
    written = case.folder / "settings.json"
    settings = json.loads(written.read_text()) if written.is_file() else []
    profile = load_profile("./p.yaml", settings)
    yaml.safe_dump(profile.resolved(), sort_keys=False)
    parse_questions(profile.common.questions)
    parse_buckets(profile.common.buckets)
    for arm in profile.common.arms:
        parse_arm(arm)


def price_seeds(place: Path) -> None:
    """Prices of a user's own: one, several, with a mark before them and other line ends."""
    lines = (PROFILES / "prices.csv").read_text().splitlines()
    own = [line.replace("on_demand", "ours") for line in lines if "on_demand" in line]
    tables = {
        "one": "\n".join([lines[0], own[0]]) + "\n",
        "several": "\n".join([lines[0], *own]) + "\n",
        "windows": "\ufeff" + "\r\n".join([lines[0], *own[:4]]),
    }
    for name, text in tables.items():
        (place / name).mkdir()
        (place / name / "own.csv").write_bytes(text.encode())


def spoil_prices(case: Case) -> None:
    """A change in the table, or something else in its place."""
    _spoil_table(case, case.folder / "own.csv")


def read_prices(case: Case) -> None:
    """The prices with a user's own."""
    prices = load_prices("own.csv")
    find_price(prices, "inf2.xlarge", "us-east-1")


def label_seeds(place: Path) -> None:
    """Folders of images with labels of one and of several questions."""
    asked = ["is the dog barking?", "what is the dog doing?"]
    for name, questions in {"one": asked[:1], "two": asked}.items():
        folder = place / name / "frames"
        folder.mkdir(parents=True)
        rows = [",".join(COLUMNS)]
        for image in ("a.png", "b.png", "café.png"):
            Image.new("RGB", (4, 4)).save(folder / image)
            rows += [f"{image},{question},yes" for question in questions]
        (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def spoil_labels(case: Case) -> None:
    """A change in the table, something else in its place, or an image that is gone."""
    rng, folder = case.rng, case.folder / "frames"
    if rng.random() < 0.08:
        image = rng.choice(sorted(folder.glob("*.png")))
        case.did.append(mutators.replace_file(rng, image, case.world))
    else:
        _spoil_table(case, folder / "labels.csv")


def _spoil_table(case: Case, path: Path) -> None:
    if case.rng.random() < 0.08:
        case.did.append(mutators.replace_file(case.rng, path, case.world))
        return
    written, said = mutators.spoil_table(case.rng, path.read_text(encoding="utf-8-sig"))
    path.write_bytes(written)
    case.did.append(said)


def read_labels(case: Case) -> None:
    """The frames of a folder with their labels, as 03 takes them."""
    frames = load_frames("frames", 8, 3)
    check_labels(frames, parse_questions(load_profile("tiny").common.questions))


TARGETS = [
    Target("profiles", 2600, 30, profile_seeds, spoil_profile, read_profile),
    Target("prices", 1300, 15, price_seeds, spoil_prices, read_prices),
    Target("labels", 1200, 15, label_seeds, spoil_labels, read_labels),
]
