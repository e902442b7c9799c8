import io
import os
import re
import struct
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms

from blipkit.errors import BadInput
from blipkit.frames.images import as_rgb, read_image

PILLOW = int(PIL.__version__.partition(".")[0])
RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def encoded(image, format) -> bytes:
    image.save(file := io.BytesIO(), format)
    return file.getvalue()


def header_of_png(width, height) -> bytes:
    """A PNG that says it has so many pixels, and has none."""
    data = bytearray(encoded(Image.new("L", (1, 1)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
BAD = {
    "empty.jpg": (b"", r"is empty \(0 bytes\)"),
    "text.jpg": (
        b"hello " * 99,
        "is not an image of a format that is read here; expected JPEG, PNG, .*",
    ),
    "cut.jpg": (encoded(NOISE, "JPEG")[:2000], "cannot be decoded: .*truncated.*"),
    "cut.png": (encoded(NOISE, "PNG")[:2000], "cannot be decoded: .*truncated.*"),
    "cut.webp": (encoded(NOISE, "WEBP")[:2000], "cannot be decoded: .+"),
    "51mp.png": (header_of_png(10_000, 5_100), "has 10000 x 5100 pixels, more than 50 megapixels"),
    "90mp.png": (
        header_of_png(10_000, 9_000),
        "has 10000 x 9000 pixels, more than 50 megapixels",
    ),  # Pillow warns
    "200mp.png": (header_of_png(20_000, 10_000), "has more than 50 megapixels"),  # Pillow refuses
    "float.tif": (
        encoded(Image.new("F", (4, 4)), "TIFF"),
        "has 32-bit float pixels; expected 8 or 16 bits a channel",
    ),
    "deep.tif": (
        encoded(Image.new("I", (4, 4), 70_000), "TIFF"),
        "has 32-bit integer pixels; expected 8 or 16 bits.*",
    ),
    "minus.tif": (
        encoded(Image.new("I", (4, 4), -1), "TIFF"),
        "has 32-bit integer pixels; expected 8 or 16 bits.*",
    ),
    os.fsdecode(b"\xff.png"): (encoded(NOISE, "PNG"), "has a name that is not UTF-8"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_shown_is_refused_by_name(tmp_path, name):
    """What is wrong with a file is said with its name, in one line; nothing of Pillow's own comes through."""
    content, message = BAD[name]
    try:
        (tmp_path / name).write_bytes(content)
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(BadInput) as error:
        read_image(tmp_path / name)
    assert re.fullmatch(f"{re.escape(repr(name))} {message}", str(error.value))


def shown(tmp_path, image, format, **options) -> np.ndarray:
    """What becomes of an image that went through a file of that format, (H, W, 3)."""
    image.save(tmp_path / "one", format, **options)
    return np.asarray(read_image(tmp_path / "one")).astype(int)


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
    assert (
        np.abs(shown(tmp_path, stored, format, exif=exif)[..., 0] - UPRIGHT.astype(int)).max() < 5
    )


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_orientation_is_left_out(tmp_path):
    """EXIF data that cannot be parsed turns nothing and stops nothing."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff"
    assert shown(tmp_path, Image.new("RGB", (4, 3), WHITE), "JPEG", exif=exif).shape == (3, 4, 3)


@pytest.mark.parametrize(
    ("mode", "type"), [("I;16", "<u2"), ("I;16L", "<u2"), ("I;16B", ">u2"), ("I", "=i4")]
)
def test_16_bits_are_scaled_not_clipped(tmp_path, mode, type):
    """Every 16-bit value becomes the nearest of 256, in any byte order, in memory and from a file."""
    values = np.arange(1 << 16).reshape(256, 256)
    image = Image.frombytes(mode, (256, 256), values.astype(type).tobytes())
    files = ("PNG", "PPM") if mode == "I;16" else ()
    for rgb in (np.asarray(as_rgb(image)), *(shown(tmp_path, image, format) for format in files)):
        assert (rgb == np.rint(values / 257)[..., None]).all() and rgb.shape == (256, 256, 3)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_turned_16_bit_image_is_scaled_too(tmp_path, format):
    """Orientation and depth of one file are both applied."""
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb = shown(
        tmp_path, Image.fromarray(np.array([[0, 257, 65535]], np.uint16)), format, exif=exif
    )
    assert rgb[:, 0, 0].tolist() == [0, 1, 255] and rgb.shape == (3, 1, 3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("format", "options", "second"),
    [
        ("PNG", {}, GREEN),
        ("GIF", {}, GREEN),
        ("TIFF", {}, GREEN),
        ("PNG", {"transparency": 1}, WHITE),
        ("PNG", {"transparency": b"\xff\0"}, WHITE),
    ],
)
def test_a_palette_gives_its_colours(tmp_path, format, options, second):
    """Palette images show the palette's colours, and white behind an entry that an index or a table makes transparent."""
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([*RED, *GREEN])
    assert shown(tmp_path, image, format, **options).tolist() == [[list(RED), list(second)]]


@pytest.mark.parametrize(
    ("mode", "pixel", "format"),
    [
        ("RGBA", (200, 100, 0), "PNG"),
        ("RGBA", (200, 100, 0), "WEBP"),
        ("LA", (90,), "PNG"),
        ("PA", (3,), "TIFF"),
    ],
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


@pytest.mark.parametrize(("mode", "key"), [("RGB", RED), ("L", 76), ("1", 0)])
def test_a_transparent_colour_is_white(tmp_path, mode, key):
    """Images without an alpha channel may name one transparent colour."""
    image = Image.new(mode, (2, 1), "white")
    image.putpixel((0, 0), key)
    assert (shown(tmp_path, image, "PNG", transparency=key) == 255).all()


def lab(pixel):
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    return ImageCms.applyTransform(Image.new("RGB", (8, 8), pixel), to_lab)


@pytest.mark.parametrize(
    ("image", "format", "pixel"),
    [
        (Image.new("1", (8, 8), 1), "PNG", WHITE),
        (Image.new("1", (8, 8), 0), "PNG", (0, 0, 0)),
        (Image.new("L", (8, 8), 77), "JPEG", (77, 77, 77)),
        (Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", RED),
        (Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "TIFF", (0, 0, 0)),
        pytest.param(
            *(Image.new("RGB", (8, 8), RED).convert("YCbCr"), "TIFF", RED),
            marks=pytest.mark.xfail(PILLOW < 12, reason="Pillow 11 refuses it, as truncated"),
        ),
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
        rgb = shown(
            tmp_path, Image.new("RGB", (4, 4), RED), format, save_all=True, append_images=more
        )
        assert np.abs(rgb - RED).max() <= 3


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# its red is sRGB's green
SWAPPED = SRGB.replace(b"rXYZ", b"keep").replace(b"gXYZ", b"rXYZ").replace(b"keep", b"gXYZ")


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2: header, table of tags, tags."""
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    d50 = struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    header = (
        struct.pack(">I4xI4s", 128 + len(table + body), 0x02400000, b"scnr")
        + space
        + connection
        + b"\0" * 12
    )
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
    image = Image.new(mode, (8, 8), pixel)
    assert (
        shown(tmp_path, image, "TIFF", icc_profile=broken) == shown(tmp_path, image, "TIFF")
    ).all()
