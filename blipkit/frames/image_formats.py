"""Which image files are opened, and what the others are called.

Pillow tries some 40 formats, one of which starts Ghostscript, and others of which decode hundreds
of megapixels before they say how many they have. Opened is what cameras and people have, and what
says its size before it is decoded.
"""

from typing import BinaryIO

from PIL import Image

from blipkit.errors import BadInput

# JPEG, AVIF: cameras and phones (MPO is a JPEG of several); PNG, BMP: screens, and `blipkit
# frames`; WebP, GIF: the web; TIFF, PPM: laboratories and scanners
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM")
EXPECTED = "expected JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF or PPM"
LARGEST = 50_000_000  # pixels; beyond a camera's frame, and a header is enough to fill the memory
LONGEST = 65_535  # pixels a side, as of a JPEG; a picture of one column takes memory by its rows
LARGEST_FILE = 512 * 2**20  # bytes: so many pixels of 16 bits and four channels, and some more
SCANS = 100  # of a JPEG; each costs a pass over all pixels, and an empty one is 10 bytes
TILE_WIDTH, TILE_LENGTH = 322, 323  # TIFF's tags
HEAD = 64  # bytes of a file that tell what it is

UNREADABLE = "that cannot be read, damaged or of a rare kind"  # of a format that is opened
# the beginning of a file -> what it is called
SIGNATURES = {
    b"%!": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"%PDF": "a PDF",
    b"icns": "an Apple icon (ICNS)",
    b"\0\0\1\0": "a Windows icon (ICO)",
    b"SIMPLE  =": "FITS",
    b"8BPS": "a Photoshop file",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xd7\xcd\xc6\x9a": "a Windows metafile (WMF)",
    b"DDS ": "a DirectDraw surface (DDS)",
    b"qoif": "QOI",
    b"<svg": "SVG",
    b"<?xml": "XML",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"PK\3\4": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "HDF5",
    b"\x1aE\xdf\xa3": "a video; blipkit frames cuts it",
    b"\xff\xd8\xff": f"a JPEG {UNREADABLE}",
    b"\x89PNG": f"a PNG {UNREADABLE}",
    b"GIF8": f"a GIF {UNREADABLE}",
    b"BM": f"a BMP {UNREADABLE}",
    b"II*\0": f"a TIFF {UNREADABLE}",
    b"MM\0*": f"a TIFF {UNREADABLE}",
    b"II+\0": f"a BigTIFF {UNREADABLE}",
    b"MM\0+": f"a BigTIFF {UNREADABLE}",
}
# of a file of boxes, with `ftyp` behind its first four bytes: its brand -> what it is called
HEIF = "HEIF; save it as JPEG"
BRANDS = {
    b"avif": f"an AVIF {UNREADABLE}",
    b"heic": HEIF,
    b"heix": HEIF,
    b"hevc": HEIF,
    b"mif1": HEIF,
    b"msf1": HEIF,
    b"crx ": "a camera's raw picture; save it as JPEG",
}


def what_it_is(head: bytes) -> str:
    """What a file is by its first bytes, as a sentence about it goes on; "" where they tell
    nothing.
    """
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], "a video; blipkit frames cuts it")
    if head[:4] == b"RIFF":
        kinds = {b"WEBP": f"a WebP {UNREADABLE}"}
        return kinds.get(head[8:12], "a video or a sound; blipkit frames cuts videos")
    beginnings = (name for mark, name in SIGNATURES.items() if head.lstrip().startswith(mark))
    return next(beginnings, "")


def check_before_decoding(image: Image.Image, file: BinaryIO) -> None:
    """Refuse a picture that would take too much memory or time; nothing of it is decoded yet."""
    sizes = [image.size]
    tags = getattr(image, "tag_v2", {})
    if TILE_WIDTH in tags:  # a tile is decoded whole, however little of it the picture shows
        sizes.append((tags[TILE_WIDTH], tags.get(TILE_LENGTH, 0)))
    for width, height in sizes:
        if width * height > LARGEST:
            raise BadInput(f"has {width} x {height} pixels, more than 50 megapixels")
        if max(width, height) > LONGEST:
            raise BadInput(f"has {width} x {height} pixels, more than {LONGEST} a side")
    if image.format in ("JPEG", "MPO"):
        file.seek(0)
        scans = file.read().count(b"\xff\xda")
        if scans > SCANS:
            raise BadInput(f"has {scans} scans; expected at most {SCANS}: save it again")
