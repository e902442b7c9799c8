"""Frames travel as JPEGs that the kit itself decodes."""

import numpy as np
import pytest
from PIL import Image

from blipkit.errors import BadInput
from blipkit.frames.frames import synthetic_frames
from blipkit.frames.images import image_in
from blipkit.frames.jpeg import as_jpegs, to_jpeg


def test_a_frame_comes_out_of_its_jpeg_in_its_size_and_much_as_it_was():
    """What a camera's quality loses is a few levels of 255; the bytes are a JPEG's, far fewer than the pixels'."""
    frames = synthetic_frames(2, 3)
    for frame, data in zip(frames, as_jpegs(frames), strict=True):
        picture = image_in(data)
        assert (picture.size, picture.mode) == (frame.image.size, "RGB")
        difference = np.subtract(picture, np.asarray(frame.image, dtype=float))
        assert abs(difference).mean() < 8
        assert data[:2] == b"\xff\xd8" and len(data) < np.asarray(frame.image).nbytes / 3


def test_bytes_that_are_no_picture_are_refused_with_the_reason():
    """As files are: damaged, of another kind, or none at all."""
    whole = to_jpeg(Image.new("RGB", (64, 64)))
    with pytest.raises(BadInput, match=r"cannot be decoded: [Tt]runcated"):
        image_in(whole[:300])
    with pytest.raises(BadInput, match="is a PDF; expected JPEG, PNG"):
        image_in(b"%PDF-1.7")
    with pytest.raises(BadInput, match="not an image of a format that is read here"):
        image_in(b"hello")
