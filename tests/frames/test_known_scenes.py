"""Synthetic scenes that were written to a folder are still synthetic scenes."""

import numpy as np
import pytest
from PIL import Image

from blipkit.frames.frames import load_frames
from blipkit.frames.known_scenes import are_known_scenes
from blipkit.frames.scenes import SIZE, draw_scene


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_scenes_in_files_are_known(tmp_path, name):
    """Without loss or as JPEG: the pixels tell, not the word in the profile."""
    draw_scene(5, 4).image.save(tmp_path / name)
    frames = load_frames(str(tmp_path), 8, 3)
    assert are_known_scenes(frames, 5)


def test_other_pictures_are_not_taken_for_scenes(tmp_path, monkeypatch):
    """Neither one of another size, which needs no comparison, nor noise of a scene's size."""
    draw_scene(1, 0).image.resize((320, 320)).save(tmp_path / "large.png")
    assert not are_known_scenes(load_frames(str(tmp_path), 8, 3), 1)
    monkeypatch.setattr("blipkit.frames.known_scenes.LENGTH", 5)
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert not are_known_scenes(load_frames(str(tmp_path), 8, 3), 1)
