import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from blipkit.errors import BadInput
from blipkit.frames import image_formats
from blipkit.frames.images import read_image

EXPECTED = "; expected JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF or PPM"


def encoded(format, size=(32, 32), **options) -> bytes:
    Image.new("RGB", size, (200, 40, 40)).save(file := io.BytesIO(), format, **options)
    return file.getvalue()


def tiff(data: bytes, width=4, height=1, order="<", **tags) -> bytes:
    """A TIFF of one strip, grey, with these tags of its own: tNUMBER=value."""
    entries = {256: width, 257: height, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(data)}
    entries |= {int(name[1:]): value for name, value in tags.items() if value is not None}
    for name, value in tags.items():
        if value is None:
            del entries[int(name[1:])]
    data += b"\0" * (len(data) % 2)
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    directory = struct.pack(f"{order}H", len(entries))
    for number, value in sorted(entries.items()):
        directory += struct.pack(f"{order}HHII", number, 4, 1, value)
    return mark + struct.pack(f"{order}I", 8 + len(data)) + data + directory + b"\0" * 4


def reason(tmp_path, content: bytes) -> str:
    """What a file is refused with."""
    path = tmp_path / "cam1.png"
    path.write_bytes(content)
    with pytest.raises(BadInput) as error:
        read_image(path)
    return str(error.value).removeprefix("'cam1.png' ")


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\n"
OTHERS = {
    "a loop in PostScript": (POSTSCRIPT, "is PostScript"),
    "EPS with a preview": (b"\xc5\xd0\xd3\xc6" + b"\0" * 99, "is PostScript"),
    "an icon": (encoded("ICO"), "is a Windows icon (ICO)"),
    "an Apple icon": (encoded("ICNS"), "is an Apple icon (ICNS)"),
    "a PDF": (encoded("PDF"), "is a PDF"),
    "JPEG 2000": (encoded("JPEG2000"), "is JPEG 2000"),
    "FITS": (b"SIMPLE  =                    T".ljust(2880), "is FITS"),
    "Photoshop": (b"8BPS\0\1" + b"\0" * 99, "is a Photoshop file"),
    "DDS": (encoded("DDS"), "is a DirectDraw surface (DDS)"),
    "SVG": (b"\n <svg xmlns='http://www.w3.org/2000/svg'/>", "is SVG"),
    "a phone's HEIF": (b"\0\0\0\x18ftypheic\0\0\0\0", "is HEIF; save it as JPEG"),
    "a clip": (b"\0\0\0\x18ftypisom\0\0\2\0", "is a video; blipkit frames cuts it"),
    "Matroska": (b"\x1aE\xdf\xa3" + b"\0" * 99, "is a video; blipkit frames cuts it"),
    "AVI": (b"RIFF\x10\0\0\0AVI LIST", "is a video or a sound; blipkit frames cuts videos"),
    "a rare TIFF": (tiff(b"\0" * 9, t258=7), "is a TIFF that cannot be read, damaged or of a rare"),
    "Targa": (encoded("TGA"), "is not an image of a format that is read here"),
    "SGI": (encoded("SGI"), "is not an image of a format that is read here"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_file_of_another_format_is_refused_by_its_name(tmp_path, other):
    """What Pillow would open, or hand to another program, is named and not opened."""
    content, message = OTHERS[other]
    seen = reason(tmp_path, content)
    assert seen.startswith(message) and seen.endswith(EXPECTED)


@pytest.mark.parametrize("format", image_formats.FORMATS)
def test_what_people_have_is_read(tmp_path, format):
    """Each format of the list gives its picture, whatever the file is called."""
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    path = tmp_path / "frame.eps"
    path.write_bytes(encoded(format))
    assert np.abs(np.asarray(read_image(path)).astype(int) - (200, 40, 40)).max() < 6


def test_a_tile_larger_than_its_picture_is_not_decoded(tmp_path):
    """A TIFF of 16 pixels whose one tile has 900 megapixels would take that much memory."""
    packed = zlib.compress(bytes(1_000))
    tiles = {"t322": 30_000, "t323": 30_000, "t324": 8, "t325": len(packed)}
    strips = dict.fromkeys(("t273", "t278", "t279"))
    content = tiff(packed, t258=8, t259=8, **tiles, **strips)
    assert reason(tmp_path, content) == "has 30000 x 30000 pixels, more than 50 megapixels"


def test_a_jpeg_of_very_many_scans_is_not_decoded(tmp_path):
    """Each scan of 10 bytes costs a pass over all pixels."""
    content = encoded("JPEG", progressive=True)
    start = content.index(b"\xff\xda")
    scan = content[start : content.index(b"\xff", start + 2)]
    seen = reason(tmp_path, content[:start] + scan * 5_000 + content[start:])
    assert "scans; expected at most 100: save it again" in seen


def test_a_large_screen_of_a_small_gif_is_not_decoded(tmp_path):
    """A GIF says how large its screen is before any picture of it."""
    content = bytearray(encoded("GIF"))
    content[6:10] = struct.pack("<HH", 60_000, 60_000)
    assert "more than 50 megapixels" in reason(tmp_path, bytes(content))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt"])
def test_a_text_that_unpacks_to_very_much_is_refused(tmp_path, name):
    """A PNG may hold a profile, or a text, packed a thousand times smaller."""
    content = encoded("PNG")
    bomb = chunk(name, b"a\0\0" + zlib.compress(bytes(20_000_000)))
    assert reason(tmp_path, content[:33] + bomb * 3 + content[33:]).startswith("cannot be decoded")


def test_a_file_larger_than_any_picture_is_not_read(tmp_path):
    """Its size is told instead."""
    path = tmp_path / "large.png"
    with open(path, "wb") as file:
        file.truncate(2**30)  # takes no room on the disk
    with pytest.raises(BadInput, match="'large.png' has 1024 MiB; expected at most 512"):
        read_image(path)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_not_opened(tmp_path, kind):
    """A pipe would be waited for, a device read without end."""
    path = tmp_path / "cam1.png"
    make = {"pipe": os.mkfifo, "device": lambda p: os.symlink("/dev/zero", p), "folder": os.mkdir}
    make[kind](path)
    with pytest.raises(BadInput, match="'cam1.png' is no file but a folder, a pipe or a device"):
        read_image(path)


def test_links_in_a_loop_are_refused(tmp_path):
    """A link to itself ends in a sentence."""
    path = tmp_path / "cam1.png"
    path.symlink_to(path)
    with pytest.raises(BadInput, match="'cam1.png' cannot be decoded: .*symbolic links"):
        read_image(path)


def packed_12_bits(values) -> bytes:
    """Two values in three bytes, the high bits first."""
    return b"".join(
        struct.pack(">I", first << 12 | second)[1:]
        for first, second in zip(values[::2], values[1::2], strict=True)
    )


VALUES = [0, 16, 2048, 4095]  # of 12 bits
GREYS = [0, 1, 128, 255]
DEEP = [value * 16 + value // 256 for value in VALUES]  # the same of 16 bits
RIGHT = {
    "12 bits": (tiff(packed_12_bits(VALUES), t258=12), GREYS),
    "16 bits": (tiff(struct.pack("<4H", *DEEP), t258=16), GREYS),
    "16 bits, the high byte first": (tiff(struct.pack(">4H", *DEEP), order=">", t258=16), GREYS),
    "16 bits, white is 0": (
        tiff(struct.pack("<4H", *DEEP), t258=16, t262=0),
        [255 - grey for grey in GREYS],
    ),
    "16 bits, packed": (tiff(zlib.compress(struct.pack("<4H", *DEEP)), t258=16, t259=8), GREYS),
    "16 bits, white is 0, packed": (
        tiff(zlib.compress(struct.pack("<4H", *DEEP)), t258=16, t259=8, t262=0),
        [255 - grey for grey in GREYS],
    ),
    "12 bits, packed": (tiff(zlib.compress(packed_12_bits(VALUES)), t258=12, t259=8), GREYS),
    "16 bits, all of them": (
        tiff(struct.pack("<4H", *DEEP), t258=16, t280=0, t281=65535),
        GREYS,
    ),
    "12 bits, all of them": (tiff(packed_12_bits(VALUES), t258=12, t280=0, t281=4095), GREYS),
    "8 bits, white is 0": (tiff(bytes(GREYS), t258=8, t262=0), [255 - grey for grey in GREYS]),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_a_grey_tiff_is_read_with_its_own_white(tmp_path, kind):
    """Of 12 bits white is 4095, of 16 bits 65535; where the file says that 0 is white, it is."""
    content, greys = RIGHT[kind]
    path = tmp_path / "grey.tif"
    path.write_bytes(content)
    assert np.asarray(read_image(path))[0, :, 0].tolist() == greys


REFUSED = {
    "12 bits in 16": (
        tiff(struct.pack("<4H", *VALUES), t258=16, t281=4095),
        "says that its 16-bit values go from 0 to 4095, not which of them is white; save it with",
    ),
    "a black that is not 0": (
        tiff(struct.pack("<4H", *DEEP), t258=16, t280=256),
        "says that its 16-bit values go from 256 to 65535, not which",
    ),
    "with a sign": (
        tiff(struct.pack("<4h", 0, 1, 2, 3), t258=16, t339=2),
        "has signed 16-bit integer pixels; expected 8 or 16 bits a channel, without a sign",
    ),
    "32 bits of small values": (
        tiff(struct.pack("<4I", *VALUES), t258=32),
        "has 32-bit integer pixels; expected 8 or 16 bits a channel",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_grey_tiff_that_could_mean_several_greys_is_refused(tmp_path, kind):
    """It is never guessed which value is white."""
    content, message = REFUSED[kind]
    assert reason(tmp_path, content).startswith(message)
