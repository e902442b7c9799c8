import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from blipkit import frames as module
from blipkit.errors import BadInput
from blipkit.frames import Frame, as_rgb, check_labels, drawn_frames, fixed_frame, images, load_frames, read_image
from blipkit.questions import parse_questions
from blipkit.scenes import QUESTIONS

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def test_drawn_frames_carry_their_answers():
    """Each frame has a name of its own and a right answer to every built-in question."""
    frames = drawn_frames(4, seed=3)
    assert len({f.name for f in frames}) == 4 and all(set(f.answers) == set(QUESTIONS) for f in frames)
    assert images(frames) == [f.image for f in frames]


def test_more_frames_begin_with_the_same_ones():
    """A longer series is the shorter one and more."""
    assert [f.image.tobytes() for f in drawn_frames(3, 5)] == [f.image.tobytes() for f in drawn_frames(6, 5)[:3]]


def test_the_fixed_frame_is_fixed():
    """It is the same picture at each call, so that its pixels can be compared across machines."""
    assert fixed_frame().tobytes() == fixed_frame().tobytes()


def test_drawn_is_a_source_of_frames():
    """`drawn` gives the drawn scenes, whatever folder has that name."""
    assert load_frames("drawn", 2, 7) == drawn_frames(2, 7)


def fill(folder, *names):
    """One small image of its own grey for each name."""
    folder.mkdir(exist_ok=True)
    for value, name in enumerate(names):
        Image.new("RGB", (4, 3), (value, value, value)).save(folder / name)
    return folder


def test_a_folder_gives_its_images_by_name(tmp_path):
    """Hidden files, Thumbs.db, labels.csv and folders are no frames; every other file is one, named by its file."""
    folder = fill(tmp_path / "f", "b.png", "a.JPG", "c d.webp")
    (folder / "inner").mkdir()
    for name in (".hidden.png", "Thumbs.db"):
        (folder / name).write_text("no image")
    (folder / "labels.csv").write_text("file,question,answer\n")
    frames = load_frames(str(folder), 10, seed=1)
    assert sorted(f.name for f in frames) == ["a.JPG", "b.png", "c d.webp"]
    assert all(f.image.mode == "RGB" and f.image.size == (4, 3) and f.answers == {} for f in frames)


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("twelve"), *(f"{i}.png" for i in range(12)))


@given(st.integers(0, 14), st.integers(0, 14), st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(twelve, one, other, seed):
    """Frames of a folder are distinct, as many as asked for or as there are, and a prefix at any smaller count."""
    small, large = ([f.name for f in load_frames(str(twelve), n, seed)] for n in sorted((one, other)))
    assert small == large[: min(one, other)] and len(set(large)) == len(large) == min(12, max(one, other))


def test_the_seed_chooses_the_sample(twelve):
    """The same seed chooses the same images, another seed others."""
    names = [[f.name for f in load_frames(str(twelve), 5, seed)] for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2]


def test_the_order_of_a_listing_does_not_matter(twelve, monkeypatch):
    """Every file system gives the same sample, in whatever order it lists a folder."""
    names = [f.name for f in load_frames(str(twelve), 5, seed=1)]
    listed = sorted(twelve.iterdir())
    for order in (listed, listed[::-1]):
        monkeypatch.setattr(type(twelve), "iterdir", lambda self, order=order: iter(order))
        assert [f.name for f in load_frames(str(twelve), 5, seed=1)] == names


def test_a_frame_of_a_folder_is_decoded_when_it_is_asked_for(tmp_path):
    """No pixels are kept: the file as it is now is what is seen, and a file that broke since is named."""
    (frame,) = load_frames(str(fill(tmp_path / "f", "a.png")), 1, seed=1)
    Image.new("RGB", (4, 3), RED).save(frame.source)
    assert frame.image.getpixel((0, 0)) == RED
    frame.source.write_bytes(b"")
    with pytest.raises(BadInput, match=r"'a.png' is empty"):
        frame.image  # noqa: B018


def test_images_are_decoded_one_by_one(twelve, monkeypatch):
    """An index decodes one image, a slice its own, a loop each in turn, and their number none."""
    opened = []
    pictures = images(load_frames(str(twelve), 12, seed=1))
    monkeypatch.setattr(module, "read_image", lambda path: opened.append(path.name) or Image.new("RGB", (1, 1)))
    assert len(pictures) == 12 and not opened
    assert pictures[-1].size == (1, 1) and len(opened) == 1
    assert isinstance(pictures[2:5], list) and len(opened) == 4
    assert next(iter(pictures)).size == (1, 1) and len(opened) == 5
    assert len(list(pictures)) == 12 and len(opened) == 17


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: None, r"does not exist; expected 'drawn' or a folder of images"),
        (lambda f: f.write_text(""), "is a file; expected 'drawn' or a folder of images"),
        (lambda f: f.mkdir(), "holds no images; expected images directly in it"),
        (lambda f: (f / "inner").mkdir(parents=True), "holds only folders; expected images directly in it"),
    ],
)
def test_a_folder_without_images_is_refused(tmp_path, make, message):
    """No folder, a file, an empty folder and one of folders are told apart."""
    make(tmp_path / "mine")
    with pytest.raises(BadInput, match=f"mine' {message}"):
        load_frames(str(tmp_path / "mine"), 5, seed=1)


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(image, format, **options) -> bytes:
    image.save(file := io.BytesIO(), format, **options)
    return file.getvalue()


BAD = {
    "empty.jpg": (lambda: b"", r"'empty.jpg' is empty \(0 bytes\)"),
    "text.jpg": (lambda: b"hello " * 99, "'text.jpg' is not an image of a format that Pillow reads"),
    "cut.jpg": (lambda: encoded(noise(64, 64), "JPEG")[:2000], "'cut.jpg' cannot be decoded: .*truncated"),
    "cut.png": (lambda: encoded(noise(64, 64), "PNG")[:2000], "'cut.png' cannot be decoded: .*truncated"),
    "cut.webp": (lambda: encoded(noise(64, 64), "WEBP")[:2000], "'cut.webp' cannot be decoded: ."),
    "51mp.png": (lambda: encoded(Image.new("1", (10_000, 5_100)), "PNG"), "has 10000 x 5100 pixels, more than 50 mega"),
    "90mp.png": (lambda: header_of_png(10_000, 9_000), "has 10000 x 9000 pixels, more than 50 megapixels"),
    "200mp.png": (lambda: header_of_png(20_000, 10_000), "'200mp.png' has more than 50 megapixels"),
    "float.tif": (lambda: encoded(Image.new("F", (4, 4)), "TIFF"), "has 32-bit float pixels; expected 8 or 16 bits"),
    "deep.tif": (lambda: encoded(Image.new("I", (4, 4), 70_000), "TIFF"), "has 32-bit integer pixels; expected 8 or"),
    "minus.tif": (lambda: encoded(Image.new("I", (4, 4), -1), "TIFF"), "has 32-bit integer pixels"),
}


def header_of_png(width, height) -> bytes:
    """A PNG that says it has so many pixels, and has none."""
    data = bytearray(encoded(Image.new("L", (1, 1)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_shown_is_refused_by_name(tmp_path, name):
    """What is wrong with a file is said with its name, and what to do; nothing of Pillow's own comes through."""
    make, message = BAD[name]
    (fill(tmp_path / "f", "good.png") / name).write_bytes(make())
    with (
        warnings.catch_warnings(),
        pytest.raises(BadInput, match=rf"(?s)1 of 2 images cannot be used: .*{message}") as e,
    ):
        warnings.simplefilter("error")
        load_frames(str(tmp_path / "f"), 5, seed=1)
    assert str(e.value).endswith(". Repair or remove them, or set common.skip_unreadable to true")
    assert "\n" not in str(e.value)


def test_a_name_that_no_record_can_hold_is_refused(tmp_path):
    """A file name that is not UTF-8 is refused before anything is recorded under it."""
    try:
        (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(encoded(noise(4, 4), "PNG"))
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(BadInput, match="has a name that is not UTF-8"):
        load_frames(str(tmp_path), 5, seed=1)


def test_a_link_to_nothing_is_refused_by_name(tmp_path):
    """A link whose file is gone counts as an image that cannot be read, not as no image."""
    (fill(tmp_path / "f", "a.png") / "gone.png").symlink_to(tmp_path / "nothing.png")
    with pytest.raises(BadInput, match="'gone.png' cannot be decoded: .*No such file"):
        load_frames(str(tmp_path / "f"), 5, seed=1)


def test_all_bad_files_are_told_at_once(tmp_path):
    """One message names five of them and counts the others."""
    for i in range(7):
        (tmp_path / f"{i}.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match=r"7 of 7 images.*empty.*; and 2 more\. Repair or remove them, or set") as error:
        load_frames(str(tmp_path), 9, seed=1)
    assert str(error.value).count("empty") == 5


def test_only_the_chosen_files_are_checked(tmp_path):
    """A bad file that was not drawn stops nothing and is not counted."""
    folder = fill(tmp_path / "f", *(f"{i}.png" for i in range(8)))
    chosen = [f.name for f in load_frames(str(folder), 4, seed=3)]
    for path in folder.iterdir():
        if path.name not in chosen:
            path.write_bytes(b"")
    assert [f.name for f in load_frames(str(folder), 4, seed=3)] == chosen
    (folder / chosen[0]).write_bytes(b"")
    with pytest.raises(BadInput, match="1 of 4 images cannot be used"):
        load_frames(str(folder), 4, seed=3)


def test_unreadable_files_are_skipped_where_that_is_allowed(tmp_path, capsys):
    """The next files take their places, so that the count is reached where it can be, and a line names them."""
    folder = fill(tmp_path / "f", *(f"{i}.png" for i in range(8)))
    order = [f.name for f in load_frames(str(folder), 8, seed=3)]
    (folder / order[1]).write_bytes(b"")
    frames = load_frames(str(folder), 4, seed=3, skip_unreadable=True)
    assert f"1 of 5 images cannot be used: '{order[1]}' is empty" in capsys.readouterr().out
    assert [f.name for f in frames] == [order[0], *order[2:5]]
    assert len(load_frames(str(folder), 8, seed=3, skip_unreadable=True)) == 7
    assert "1 of 8" in capsys.readouterr().out


def test_nothing_left_is_refused_even_where_skipping_is_allowed(tmp_path):
    """A folder of unreadable files only is refused, with the advice that is left."""
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match=r"1 of 1 images.*Repair or remove them$"):
        load_frames(str(tmp_path), 4, seed=1, skip_unreadable=True)


UPRIGHT = np.kron(np.arange(6).reshape(2, 3) * 40, np.ones((16, 16))).astype(np.uint8)
STORED = {  # EXIF's orientation -> the upright picture as the camera would have stored it
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: UPRIGHT[:, ::-1].T,
    7: UPRIGHT[::-1, ::-1].T,
    8: UPRIGHT[::-1].T,
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_camera_gives_an_upright_frame(tmp_path, orientation, format):
    """All eight EXIF orientations of one picture give that picture, once."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation]))
    assert np.abs(shown(tmp_path, stored, format, exif=exif)[..., 0] - UPRIGHT.astype(int)).max() < 5


def shown(tmp_path, image, format, **options) -> np.ndarray:
    """What becomes of an image that went through a file of that format, (H, W, 3)."""
    image.save(tmp_path / "one", format, **options)
    return np.asarray(read_image(tmp_path / "one")).astype(int)


def test_a_damaged_orientation_is_left_out(tmp_path):
    """EXIF data that cannot be parsed turns nothing and stops nothing."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert shown(tmp_path, Image.new("RGB", (4, 3), WHITE), "JPEG", exif=exif).shape == (3, 4, 3)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I", "PNG", "PGM"])
def test_16_bits_are_scaled_not_clipped(tmp_path, mode):
    """Every 16-bit value becomes the nearest of 256, in any byte order, in memory and from a file."""
    values = np.arange(1 << 16).reshape(256, 256)
    nearest = np.array([round(v * 255 / 65535) for v in range(1 << 16)]).reshape(256, 256)
    if mode in ("PNG", "PGM"):
        format = {"PNG": "PNG", "PGM": "PPM"}[mode]
        rgb = shown(tmp_path, Image.fromarray(values.astype(np.uint16)), format)
    elif mode == "I":
        rgb = np.asarray(as_rgb(Image.fromarray(values.astype(np.int32))))
    else:
        raw = values.astype(">u2" if mode == "I;16B" else "<u2").tobytes()
        rgb = np.asarray(as_rgb(Image.frombytes(mode, (256, 256), raw)))
    assert all((rgb[..., channel] == nearest).all() for channel in range(3))


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_turned_16_bit_image_is_scaled_too(tmp_path, format):
    """Orientation and depth of one file are both applied."""
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb = shown(tmp_path, Image.fromarray(np.array([[0, 257, 65535]], np.uint16)), format, exif=exif)
    assert rgb[:, 0, 0].tolist() == [0, 1, 255] and rgb.shape == (3, 1, 3)


@pytest.mark.parametrize("format", ["PNG", "GIF", "TIFF"])
def test_a_palette_gives_its_colours(tmp_path, format):
    """Palette images are shown in the palette's colours."""
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    assert shown(tmp_path, image, format).tolist() == [[list(RED), list(GREEN)]]


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"])
def test_transparent_palette_colours_are_white(tmp_path, transparency):
    """A palette's transparent entry, as an index or as a table, shows the white behind it."""
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert shown(tmp_path, image, "PNG", transparency=transparency).tolist() == [[list(RED), list(WHITE)]]


@pytest.mark.parametrize(
    ("mode", "pixel", "format"),
    [("RGBA", (200, 100, 0), "PNG"), ("RGBA", (200, 100, 0), "WEBP"), ("LA", (90,), "PNG"), ("PA", (3,), "TIFF")],
)
@pytest.mark.parametrize("alpha", [0, 51, 255])
def test_alpha_is_composited_on_white(tmp_path, mode, pixel, format, alpha):
    """A pixel is mixed with white by its alpha: 0 is white, 255 the pixel itself."""
    image = Image.new(mode, (4, 4), (*pixel, alpha))
    if mode == "PA":
        image.putpalette([0] * 9 + [10, 20, 30])
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    colour = {"LA": (90, 90, 90), "PA": (10, 20, 30)}.get(mode, pixel)
    mixed = [255 + (c - 255) * alpha / 255 for c in colour]
    assert shown(tmp_path, image, format, **options)[1, 1] == pytest.approx(mixed, abs=1)


@pytest.mark.parametrize(("mode", "key", "format"), [("RGB", RED, "PNG"), ("L", 76, "PNG"), ("1", 0, "PNG")])
def test_a_transparent_colour_is_white(tmp_path, mode, key, format):
    """Images without an alpha channel may name one transparent colour."""
    image = Image.new(mode, (2, 1), key)
    image.putpixel((1, 0), WHITE if mode == "RGB" else 255)
    assert (shown(tmp_path, image, format, transparency=key) == 255).all()


def lab(pixel):
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    return ImageCms.applyTransform(Image.new("RGB", (8, 8), pixel), to_lab)


@pytest.mark.parametrize(
    ("image", "format", "pixel"),
    [
        (Image.new("1", (8, 8), 1), "PNG", WHITE),
        (Image.new("1", (8, 8), 0), "PNG", (0, 0, 0)),
        (Image.new("L", (8, 8), 77), "JPEG", (77, 77, 77)),
        (Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", RED),
        (Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "TIFF", (0, 0, 0)),
        (Image.new("RGB", (8, 8), RED).convert("YCbCr"), "TIFF", RED),
        (lab((200, 60, 90)), "TIFF", (200, 60, 90)),
    ],
)
def test_other_colour_spaces_become_rgb(tmp_path, image, format, pixel):
    """Black and white, grey, ink, video and Lab colours are shown as the same colours in RGB."""
    assert np.abs(shown(tmp_path, image, format) - pixel).max() <= 3


def test_hsv_becomes_rgb():
    """An image of hue, saturation and value is shown in the same colours."""
    assert as_rgb(Image.new("RGB", (2, 2), RED).convert("HSV")).getpixel((0, 0)) == RED


def test_an_animation_shows_its_first_frame(tmp_path):
    """Of a moving image, the first picture is the frame."""
    more = [Image.new("RGB", (4, 4), GREEN)]
    for format in ("GIF", "PNG", "WEBP"):
        rgb = shown(tmp_path, Image.new("RGB", (4, 4), RED), format, save_all=True, append_images=more)
        assert np.abs(rgb - RED).max() <= 3


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"keep").replace(b"gXYZ", b"rXYZ").replace(b"keep", b"gXYZ")  # its red is sRGB's green


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2: header, table of tags, tags."""
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    d50 = struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    header = struct.pack(">I4xI4s", 128 + len(table + body), 0x02400000, b"scnr") + space + connection + b"\0" * 12
    return (header + b"acsp" + b"\0" * 28 + d50).ljust(128, b"\0") + table + body


LINEAR_GREY = profile(b"GRAY", b"XYZ ", {b"kTRC": b"curv" + b"\0" * 8})
IDENTITY = struct.pack(">9i", *(0x10000 * (i % 4 == 0) for i in range(9)))
RED_INK = profile(  # bare paper is white, black ink black, any other red: Lab for each corner of CMYK, K the fastest
    b"CMYK",
    b"Lab ",
    {
        b"A2B0": b"mft1\0\0\0\0\4\3\2\0"
        + IDENTITY
        + bytes(range(256)) * 4
        + bytes((255, 128, 128) + (0, 128, 128) + ((138, 209, 198) + (0, 128, 128)) * 7)
        + bytes(range(256)) * 3
    },
)


@pytest.mark.parametrize(
    ("image", "format", "profile", "pixel"),
    [
        (Image.new("RGB", (8, 8), RED), "PNG", SRGB, RED),
        (Image.new("RGB", (8, 8), RED), "PNG", SWAPPED, GREEN),
        (Image.new("RGB", (8, 8), RED), "JPEG", SWAPPED, GREEN),
        (Image.new("RGBA", (8, 8), (*RED, 255)), "PNG", SWAPPED, GREEN),
        (Image.new("RGBA", (8, 8), (*RED, 51)), "PNG", SWAPPED, (204, 255, 204)),
        (Image.new("RGB", (8, 8), RED).quantize(2), "PNG", SWAPPED, GREEN),
        (Image.new("L", (8, 8), 128), "PNG", LINEAR_GREY, (188, 188, 188)),  # half the light
        (Image.new("LA", (8, 8), (128, 255)), "PNG", LINEAR_GREY, (188, 188, 188)),
        (Image.new("I;16", (8, 8), 128 * 257), "PNG", LINEAR_GREY, (188, 188, 188)),
        (Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", RED_INK, RED),
        (Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "TIFF", RED_INK, WHITE),
    ],
)
def test_an_embedded_profile_is_converted_to_srgb(tmp_path, image, format, profile, pixel):
    """Colours are those that the embedded profile means, whatever the channels; transparency stays as it is."""
    assert np.abs(shown(tmp_path, image, format, icc_profile=profile) - pixel).max() <= 6


@pytest.mark.parametrize("broken", [b"junk", SRGB[:200], LINEAR_GREY, RED_INK])
@pytest.mark.parametrize(("mode", "pixel"), [("RGB", RED), ("L", 9), ("CMYK", (0, 255, 255, 0))])
def test_a_profile_that_does_not_fit_is_left_out(tmp_path, mode, pixel, broken):
    """A broken profile, or one for other channels, changes nothing."""
    if (mode, broken) in (("L", LINEAR_GREY), ("CMYK", RED_INK)):
        return
    expected = (9, 9, 9) if mode == "L" else RED
    rgb = shown(tmp_path, Image.new(mode, (8, 8), pixel), "TIFF", icc_profile=broken)
    assert (rgb == expected).all()


def label(folder, text, encoding="utf-8"):
    (folder / "labels.csv").write_bytes(text.encode(encoding))
    return str(folder)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_labels_become_answers(tmp_path, encoding, newline):
    """labels.csv gives a frame its answers; space around a value, a blank line and a repeated row mean nothing."""
    lines = ["file, question ,answer", "a.png,is it déjà vu?, yes", "", " a.png ,is it déjà vu?,yes", ",,"]
    lines += ['a.png,"one, or two?",two', "b.png,is it déjà vu?,no"]
    folder = label(fill(tmp_path / "f", "a.png", "b.png", "c.png"), newline.join(lines), encoding)
    frames = {f.name: f.answers for f in load_frames(folder, 3, seed=1)}
    assert frames == {
        "a.png": {"is it déjà vu?": "yes", "one, or two?": "two"},
        "b.png": {"is it déjà vu?": "no"},
        "c.png": {},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: saw ''; expected the header file,question,answer"),
        ("file;question;answer\n", r"line 1: saw 'file;question;answer'; expected the header file,question,answer"),
        ("file,answer\n", r"line 1: saw 'file,answer'; expected the header"),
        ("a.png,q?,yes\n", r"line 1: saw 'a.png,q\?,yes'; expected the header"),
        (
            "file,question,answer\na.png,q?,\n",
            r"line 2: saw \['a.png', 'q\?', ''\]; expected a file, a question and an",
        ),
        ("file,question,answer\na.png,q?\n", r"line 2: saw \['a.png', 'q\?'\]; expected"),
        ("file,question,answer\na.png,q, or?,yes\n", r"line 2: .* \(a comma in a text needs quotes around it\)"),
        ("file,question,answer\na.jpg,q?,yes\n", r"line 2: no file 'a.jpg' in the folder; did you mean 'a.png'\?"),
        ("file,question,answer\nxyz,q?,yes\n", r"line 2: no file 'xyz' in the folder; known: a.png, b.png"),
        (
            "file,question,answer\na.png,q?,yes\nb.png,q?,yes\n a.png,q? ,no\n",
            r"line 4: 'a.png', 'q\?' is 'no' here and 'yes' above; keep one",
        ),
        ('file,question,answer\na.png,"q?,yes\n', r"line 2: unexpected end of data; expected comma-separated values"),
    ],
)
def test_a_bad_label_is_refused_by_its_line(tmp_path, text, message):
    """Header, missing values, unknown files and contradictions are named with their line."""
    folder = label(fill(tmp_path / "f", "a.png", "b.png"), text)
    with pytest.raises(BadInput, match=f"labels.csv, {message}"):
        load_frames(folder, 2, seed=1)


def test_labels_in_another_encoding_are_refused_by_line(tmp_path):
    """Text that is not UTF-8 is refused, not guessed at."""
    folder = label(fill(tmp_path / "f", "a.png"), "file,question,answer\na.png,déjà vu?,yes\n", "latin-1")
    with pytest.raises(
        BadInput, match="labels.csv, line 2: is not UTF-8; expected comma-separated values, saved as UTF"
    ):
        load_frames(folder, 1, seed=1)


def test_the_names_of_a_large_folder_do_not_fill_the_message(tmp_path):
    """An unknown file with no near name shows some of those that are there."""
    folder = label(fill(tmp_path / "f", *(f"{i:03}.png" for i in range(100))), "file,question,answer\nzzz,q?,yes\n")
    with pytest.raises(BadInput, match=r"known: 000.png, 001.png.* \.\.\.$") as error:
        load_frames(folder, 1, seed=1)
    assert len(str(error.value)) < 500 + len(folder)


def test_labels_that_answer_nothing_asked_are_refused(tmp_path):
    """Labels for other questions than those asked are a mistake; one that is asked is enough, and so is no label."""
    folder = label(fill(tmp_path / "f", "a.png"), "file,question,answer\na.png,is the dog barking,yes\n")
    frames = load_frames(folder, 1, seed=1)
    check_labels(frames, parse_questions(["is the dog barking", "what is it?"]))
    check_labels([Frame("b", frames[0].source)], parse_questions(["what is it?"]))
    check_labels(drawn_frames(1, seed=1), parse_questions(["what is it?"]))
    with pytest.raises(
        BadInput,
        match=r"none of its questions is asked; write them as in common.questions. 'is the dog barking': did you mean 'is the dog barking\?'\?",
    ):
        check_labels(frames, parse_questions(["is the dog barking?", "what is it?"]))


def test_a_label_that_no_answer_can_equal_is_refused(tmp_path):
    """Answers are compared letter by letter, so a label must be one of the candidates; an open question takes any."""
    folder = label(fill(tmp_path / "f", "a.png"), "file,question,answer\na.png,is the dog barking?,Yes\n")
    frames = load_frames(folder, 1, seed=1)
    with pytest.raises(BadInput, match="'a.png', 'is the dog barking\\?' is 'Yes', no candidate.*did you mean 'yes'"):
        check_labels(frames, parse_questions(["is the dog barking?"]))
    check_labels(frames, parse_questions([{"text": "is the dog barking?", "candidates": "open"}]))
