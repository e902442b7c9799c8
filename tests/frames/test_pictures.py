import numpy as np
import pytest
from PIL import Image

from blipkit.errors import BadInput
from blipkit.frames.pictures import as_picture, is_one

RED = np.full((3, 4, 3), (200, 10, 10), np.uint8)


@pytest.mark.parametrize("kind", ["image", "grey", "file", "name", "array", "view"])
def test_pictures_come_as_python_code_has_them(tmp_path, kind):
    """PIL images, files and arrays all become RGB pictures, and one alone is known as one."""
    path = tmp_path / "a.png"
    Image.fromarray(RED).save(path)
    ways = {
        "image": Image.fromarray(RED),
        "grey": Image.new("L", (4, 3), 9),
        "file": path,
        "name": str(path),
        "array": RED,
        "view": RED[::-1, ::-1],
    }
    picture = as_picture(ways[kind])
    assert picture.mode == "RGB" and picture.size == (4, 3) and is_one(ways[kind])
    if kind != "grey":
        assert (np.asarray(picture) == RED).all()


@pytest.mark.parametrize("frames", [[RED], np.stack([RED]), [], ("a.png",)])
def test_several_pictures_are_not_one(frames):
    """A list, or an array of four dimensions, holds several."""
    assert not is_one(frames)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("no.png", "frame 'no.png': no such file; expected an image"),
        (None, r"a frame is a NoneType; expected a PIL image, a file, or an array \(H, W, 3\)"),
        (7, "a frame is a int; expected"),
        (RED / 255, r"of shape \(3, 4, 3\) and type float64; expected .* of uint8, red first"),
        (RED.transpose(2, 0, 1), r"of shape \(3, 3, 4\)"),
        (RED[:0], r"of shape \(0, 4, 3\)"),
        (RED[..., 0], r"of shape \(3, 4\)"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(frame, message):
    """What was passed is said, and what would do."""
    with pytest.raises(BadInput, match=message):
        as_picture(frame)
