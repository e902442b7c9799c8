"""Pictures and clips, as cameras and strangers leave them in a folder."""

import contextlib
import io
import os
import struct
import zlib
from fractions import Fraction
from functools import cache
from pathlib import Path

import mutators
import numpy as np
from campaign import Target
from PIL import Image
from sandbox import Case

from blipkit.errors import BlipkitError
from blipkit.frames.frames import load_frames
from blipkit.frames.video import cut_video, parse_every

NAMES = [
    "cam1.png",
    "cam.jpg",
    "x.eps",
    "x.tiff",
    "-rf",
    "a b.webp",
    "é.gif",
    "x" * 250,
    "\udcff.png",
    "\x1b[2J.png",
]
NAMES += [
    "'; touch EXECUTED.png",
    "$(touch EXECUTED).png",
    "|touch EXECUTED",
    "%d.png",
    "x.psd",
    "x.fpx",
    "x.mic",
]
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\n"
PIPE = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(%pipe%touch EXECUTED) (w) file\n"
POLYGLOTS = [
    POSTSCRIPT,
    PIPE,
    b"\xc5\xd0\xd3\xc6" + (32).to_bytes(4, "little") + b"\xff" * 24 + POSTSCRIPT,
    b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    b"#!/bin/sh\ntouch EXECUTED\n",
    b"push graphic-context\nimage over 0,0 0,0 '|touch EXECUTED'\n",
    b"GIF89a/*<script>*/=0;",
    b"\x93NUMPY\x01\x00F\x00{'descr':'|O','fortran_order':False,'shape':(1,)}      \n",
    b"8BPS\0\1" + b"\0" * 6 + b"\0\3" + b"\0\0\x75\x30" * 2 + b"\0\x08\0\x03",
    b"P6\n50000 50000\n255\n",
    b"P6\n7000 7000\n255\n",
    b"P5 7000 7100 65535\n",
    b"Pf\n7000 7000\n-1.0\n",
    b"#define x_width 7000\n#define x_height 7000\nstatic char x_bits[] = {\n",
    b"\xd7\xcd\xc6\x9a" + b"\0" * 40,
    b"%PDF-1.4\n",
    b"SIMPLE  =                    T" + b" " * 50,
    b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
    b"GRIB" + b"\0" * 8,
    b"BUFR" + b"\0" * 8,
]


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    """A white PNG of one bit a pixel: a few kilobytes, however large it is. chunks: put before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * ((width + 7) // 8)) * height, 1)
    whole = [_chunk(b"IHDR", header), *chunks, _chunk(b"IDAT", rows), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@cache
def _large() -> dict[str, bytes]:
    """Small files that hold large pictures, or much else."""
    png = _png(13_000, 13_000)
    packed = zlib.compress(b"x" * (100 << 20), 1)
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 1, len(png), 22)
    group4 = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(group4, "TIFF", compression="group4")
    return {
        "x.png": png,
        "x.ico": struct.pack("<HHH", 0, 1, 1) + entry + png,
        "x.icns": b"icns"
        + struct.pack(">I", len(png) + 16)
        + b"ic10"
        + struct.pack(">I", len(png) + 8)
        + png,
        "x.tif": group4.getvalue(),
        "text.png": _png(8, 8, _chunk(b"zTXt", b"k\0\0" + packed)),
        "profile.png": _png(8, 8, _chunk(b"iCCP", b"k\0\0" + packed)),
        "just.png": _png(7_000, 7_000),
        "tall.png": _png(1, 40_000_000),
    }


def picture_seeds(place: Path) -> None:
    """A small picture in every format that Pillow writes, in several modes of colour."""
    _large()  # once, not in each process
    Image.init()
    drawn = np.random.default_rng(1).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    picture = Image.fromarray(drawn)
    for kind in sorted(Image.SAVE):
        for mode in ("RGB", "L", "P", "1", "RGBA", "CMYK", "I;16", "LA"):
            folder = place / f"{kind}-{mode.replace(';', '')}" / "frames"
            folder.mkdir(parents=True)
            path = folder / f"cam.{kind.lower()}"
            with contextlib.suppress(Exception):
                kept = (
                    picture.convert("L").convert(mode) if mode == "I;16" else picture.convert(mode)
                )
                with path.open("wb") as file:
                    kept.save(file, kind)
            if not path.is_file() or path.stat().st_size == 0 or not _opens(path):
                path.unlink(missing_ok=True)
                folder.rmdir()
                folder.parent.rmdir()


def _opens(path: Path) -> bool:
    """Whether the kit reads it: formats that it does not know are for `spoil_picture` alone."""
    from blipkit.frames.images import read_image

    try:
        read_image(path)
    except BlipkitError:
        return False
    return True


def spoil_picture(case: Case) -> None:
    """A change in the bytes, a name of another format, a file that is two things, or no file at all."""
    rng = case.rng
    (path,) = (case.folder / "frames").iterdir()
    kind = rng.random()
    if kind < 0.04:
        case.did.append(mutators.replace_file(rng, path, case.world))
        return
    if kind < 0.06:
        name = rng.choice(sorted(_large()))
        path.unlink()
        path = path.with_name(name)
        path.write_bytes(_large()[name])
        case.did.append(f"large: {name}")
    elif kind < 0.75:
        data, said = mutators.spoil_bytes(rng, path.read_bytes())
        path.write_bytes(data)
        case.did.append(said)
    elif kind < 0.9:
        part = rng.choice(POLYGLOTS)
        data = path.read_bytes()
        whole = rng.choice([part, part + data, data + part, part + b"\0" * 4000])
        path.write_bytes(whole)
        case.did.append(f"with {part[:12]!r}")
    if kind > 0.6:
        name = rng.choice([*NAMES, f"cam{rng.choice(sorted(Image.EXTENSION))}"])
        with contextlib.suppress(OSError):
            path.rename(path.with_name(name))
        case.did.append(f"called {name[:30]!r}")


def read_pictures(case: Case) -> None:
    """A folder's frames, each decoded as 03 does, with the bad ones refused or left out."""
    skip = case.number % 3 == 0
    for frame in load_frames("frames", 8, 3, skip_unreadable=skip):
        assert frame.image.mode == "RGB" and frame.image.width > 0


CODECS = {
    "mp4": "libx264",
    "mov": "mpeg4",
    "mkv": "libx264",
    "webm": "libvpx",
    "ts": "mpeg2video",
    "avi": "mjpeg",
    "mpg": "mpeg1video",
    "flv": "flv",
    "gif": "gif",
    "ogv": "libtheora",
}
PLAYLISTS = [
    "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://{listener}/x.ts\n#EXT-X-ENDLIST\n",
    "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{outside}/secret.txt\n#EXT-X-ENDLIST\n",
    "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n../case/walk.ts\n",
    "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ntcp://{listener}\n",
    "ffconcat version 1.0\nfile {outside}/secret.txt\n",
    "ffconcat version 1.0\nfile http://{listener}/a.mp4\n",
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    '<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>http://{listener}/</BaseURL>'
    '<SegmentTemplate media="x" duration="1"/></Representation></AdaptationSet></Period></MPD>',
    "http://{listener}/x.mp4",
    "[Script Info]\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,,,0,0,0,,x\n",
    "WEBVTT\n\n00:00.000 --> 00:01.000\nx\n",
    "ffmetadata\n;FFMETADATA1\ntitle=x\n",
    "P3\n2 2\n255\n0 0 0 0 0 0 0 0 0 0 0 0\n",
]
CLIP_NAMES = [
    "walk.mp4",
    "walk.m3u8",
    "walk.sdp",
    "walk.ts",
    "walk%03d.png",
    "-i.mp4",
    "walk.avi",
    "http:x.mp4",
]
CLIP_NAMES += [
    "concat:walk.mp4|x",
    "file:walk.mp4",
    "walk.mpd",
    "walk.txt",
    "é.mkv",
    "x" * 240 + ".mp4",
    "a\nb.mp4",
]
EVERY = [0.001, 0.1, 0.5, 1.0, 3.0, 1e8]
EVERY_TEXTS = [
    "2s",
    "0.5",
    "9" * 400,
    "1e3",
    "٣s",
    "1ms\n",
    "0x1",
    "1 m",
    "999999999m",
    "\x00",
    "s" * 100_000,
]


def clip_seeds(place: Path) -> None:
    """A clip of 12 small frames in every container that this PyAV writes."""
    import av

    for ending, codec in CODECS.items():
        folder = place / ending
        folder.mkdir()
        try:
            _write_clip(folder / f"walk.{ending}", codec)
        except (av.FFmpegError, ValueError):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


def _write_clip(path: Path, codec: str) -> None:
    import av

    rate = 25 if codec.startswith("mpeg") else 10  # which rates MPEG-1 and 2 have
    pixels = np.random.default_rng(3).integers(0, 256, (12, 24, 32, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate))
        stream.width, stream.height = 32, 24
        stream.pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(pixels):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def spoil_clip(case: Case) -> None:
    """A change in the bytes, an end too early, another name, or a text in its place that names other files."""
    rng = case.rng
    (path,) = case.folder.iterdir()
    kind = rng.random()
    if kind < 0.04:
        case.did.append(mutators.replace_file(rng, path, case.world))
    elif kind < 0.65:
        data, said = mutators.spoil_bytes(rng, path.read_bytes())
        path.write_bytes(data)
        case.did.append(said)
    elif kind < 0.85:
        data = path.read_bytes()
        kept = rng.randrange(len(data) + 1)
        path.write_bytes(data[:kept])
        case.did.append(f"the first {kept} of {len(data)} bytes")
    else:
        text = rng.choice(PLAYLISTS)
        outside = case.world / "outside"
        path.write_text(text.format(listener=os.environ.get("FUZZ_LISTENER", ""), outside=outside))
        case.did.append(f"the text {text[:30]!r}")
    if kind > 0.6:
        name = rng.choice(CLIP_NAMES)
        path.rename(path.with_name(name))
        case.did.append(f"called {name[:30]!r}")
    if rng.random() < 0.1:
        case.did.append("frames: " + _spoil_target(rng, case))


def _spoil_target(rng, case: Case) -> str:
    """Something in the place of the folder for the frames."""
    frames = case.folder / "frames"
    kind = rng.choice(["file", "link", "loop", "taken", "link in it"])
    if kind == "file":
        frames.touch()
    elif kind == "link":
        frames.symlink_to(case.world / "outside/keep.txt")
    elif kind == "loop":
        frames.symlink_to("frames")
    else:
        frames.mkdir()
        name = "walk-00h00m00.000.png"
        if kind == "taken":
            (frames / name).touch()
        else:
            (frames / name).symlink_to(case.world / "outside/keep.txt")
    return kind


def cut(case: Case) -> None:
    """A clip cut into frames; whatever was written is a whole picture."""
    rng = case.rng
    clips = [path for path in case.folder.iterdir() if path.name != "frames"]
    clip = next(iter(clips), Path("walk.mp4"))
    try:
        if rng.random() < 0.1 and not case.is_whole:
            parse_every(rng.choice(EVERY_TEXTS))
        cut_video(Path(clip.name), Path("frames"), rng.choice(EVERY))
    finally:
        for path in Path("frames").glob("*.png"):
            if not path.is_symlink() and path.stat().st_size:  # else it stood there before
                with Image.open(path) as image:
                    image.load()


TARGETS = [
    Target("images", 2600, 30, picture_seeds, spoil_picture, read_pictures),
    Target("video", 1200, 15, clip_seeds, spoil_clip, cut, warm=("av",)),
]
