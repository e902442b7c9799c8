"""Frames out of a video clip, as PNG files in a folder; needs the extra `blipkit[video]`."""

import os
import re
from fractions import Fraction
from pathlib import Path

from PIL import Image

from blipkit.errors import BadInput, BlipkitError
from blipkit.frames.ends import cut_off
from blipkit.frames.image_formats import LARGEST

# ffmpeg's names of what is opened: containers and streams that hold their pictures themselves.
# Playlists (hls, dash, concat, sdp) read other files and the network; image2 reads whole folders
READ = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mxf,flv,live_flv,gif,asf,ogg,"
    "h264,hevc,m4v,mpegvideo,mjpeg"
)
EXPECTED = "expected MP4, MOV, MKV, WebM, AVI, MPEG, MXF, FLV, GIF, WMV or Ogg"
# the beginning of a text that names other files -> what it is called
PLAYLISTS = {
    b"#EXTM3U": "HLS",
    b"ffconcat": "concat",
    b"v=0": "SDP",
    b"[playlist]": "PLS",
    b"<?xml": "XML, maybe DASH",
    b"<MPD": "DASH",
    b"<ASX": "ASX",
}
PYAV = 17  # before it, BT.709 was read as BT.601
WIDEST = 16  # times as wide as high, or the reverse, that a clip's pixels may be
UNITS = {"ms": Fraction(1, 1000), "s": 1, "m": 60}


def parse_every(text: str) -> float:
    """Seconds from a time such as 2s, 500ms, 1m or 0.5; at least 1 ms."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,20})?) ?(ms|s|m|)", text.strip())
    seconds = Fraction(0)
    if match:
        seconds = Fraction(match[1]) * UNITS[match[2] or "s"]
    if seconds < UNITS["ms"]:
        raise BadInput(
            f"every {text!r}: expected a time of at least 1ms, such as 2s, 500ms, 1m or 0.5 "
            "(seconds)"
        )
    return float(seconds)


def cut_video(clip: Path, folder: Path, every_s: float) -> list[Path]:
    """Write a frame of each `every_s` seconds of a clip; their files in order.

    A frame is the first one at or after each multiple, counted from the clip's first frame. Times
    are the clip's own, whatever its frame rate. Pictures are upright, and as wide as they are
    shown where pixels are not square. A file appears under its name when it is whole.

    Raises BadInput where nothing can be written, and BlipkitError where a clip is damaged or cut
    off, or at Ctrl-C, after the frames before that. That a clip was cut off cannot be known of MPEG
    program streams, FLV, WMV, Ogg and bare streams unless they say how long they are, and of no
    clip that ends between two of its packets without having said so.
    """
    av = _pyav()
    # exact: the float 0.1 is a little more than a tenth
    every = Fraction(str(parse_every(str(every_s))))
    _check_clip(clip)
    _check_free(folder, clip.stem)
    begun: list[Path] = []
    try:
        for seconds, image in _pictures(av, clip, every):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{clip.stem}-{_time_in_name(seconds)}.png"
            begun.append(path)
            _write_whole(image, path)
    except KeyboardInterrupt:
        raise _stopped(clip, _in_place(begun)) from None
    except (av.FFmpegError, BlipkitError) as error:
        raise _damage(clip, error, _in_place(begun)) from None
    except OSError as error:
        reason = f"{error.strerror}; {len(_in_place(begun))} frames were written"
        raise BlipkitError(
            f"{str(folder)!r}: {reason}. Name a folder that can be written, with room left"
        ) from None
    return begun


def _in_place(begun: list[Path]) -> list[Path]:
    """The files that are whole: the last may not be, and Ctrl-C may come just after it is."""
    return [path for path in begun if path.exists()]


def _pyav():
    """The module av; BadInput where it is not installed, or reads colours wrong."""
    try:
        import av
    except ImportError:
        raise BadInput(
            "cutting a video needs PyAV, which is not installed; run pip install 'blipkit[video]'"
        ) from None
    if int(av.__version__.partition(".")[0]) < PYAV:
        problem = f"PyAV {av.__version__} reads the colours of BT.709, as most cameras write them, "
        problem += f"as BT.601; expected {PYAV} or newer"
        raise BadInput(f"{problem}: run pip install --upgrade 'av>={PYAV}'")
    return av


def _check_clip(clip: Path) -> None:
    """Refuse what is no file, and a text that names other files to play."""
    video = f"video {str(clip)!r}"
    if not clip.is_file():
        seen = "no such file"
        if os.path.lexists(clip) and not clip.is_dir():
            seen = "it is a pipe, a device or a link to nothing"
        raise BadInput(f"{video}: {seen}; expected a clip such as walk.mp4")
    with open(clip, "rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, name in PLAYLISTS.items():
        if head.startswith(mark):
            problem = f"it is a playlist ({name}), and what it names is not opened"
            raise BadInput(f"{video}: {problem}; expected a clip such as walk.mp4")


def _write_whole(image: Image.Image, path: Path) -> None:
    """Write a PNG beside its place, then put it there: a stopped process leaves no half frame."""
    part = path.with_name(f".{path.name}.part")
    try:
        image.save(part, format="PNG")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _stopped(clip: Path, written: list[Path]) -> BlipkitError:
    """What to raise at Ctrl-C."""
    reason = f"stopped, {len(written)} frames were written"
    if written:
        reason += f", up to {written[-1].name}, each whole"
    return BlipkitError(f"video {str(clip)!r}: {reason}. Remove them before you cut it again")


def _check_free(folder: Path, stem: str) -> None:
    """Refuse what is no folder, and one that holds frames of the clip `stem` already."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(
            f"{str(folder)!r} is a file; expected a folder for the frames, or a name that is free"
        )
    name = re.compile(re.escape(stem) + r"-\d+h\d\dm\d\d\.\d{3}\.png")
    taken = sorted(path.name for path in folder.glob("*.png") if name.fullmatch(path.name))
    if taken:
        seen = f"{str(folder)!r} holds {len(taken)} frames of {stem!r} already, such as {taken[0]}"
        raise BadInput(f"{seen}; nothing is overwritten: remove them, or name another folder")
    for left in folder.glob(".*.png.part"):  # by a process that was killed
        if name.fullmatch(left.name[1:].removesuffix(".part")):
            left.unlink()


def _time_in_name(seconds: Fraction) -> str:
    """A time as files have it in their names: they sort by it."""
    whole, ms = divmod(int(seconds * 1000), 1000)
    hours = whole // 3600
    minutes = whole // 60 % 60
    return f"{hours:02}h{minutes:02}m{whole % 60:02}.{ms:03}"


def _damage(clip: Path, error: Exception, written: list[Path]) -> BlipkitError:
    """What to raise for a clip that could not be read to its end."""
    video = f"video {str(clip)!r}"
    reason = getattr(error, "strerror", None) or str(error)
    if not written:
        return BadInput(f"{video}: {reason}; expected a clip that plays, such as walk.mp4")
    reason += f"; {len(written)} frames were written, up to {written[-1].name}"
    return BlipkitError(f"{video}: {reason}. Use these, or remove them and cut an undamaged copy")


def _pictures(av, clip: Path, every: Fraction):
    """(seconds since the first frame, PIL image) of the frames that are due, upright."""
    start = None
    due = Fraction(0)
    end = Fraction(0)
    with _opened(av, clip) as container:
        stream = _video_stream(container)
        for packet in container.demux():
            if packet.pts is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream.index != stream.index:
                continue
            for frame in packet.decode():
                now = _time_of(frame)
                if start is None:
                    start = now
                if now - start >= due:
                    yield now - start, _as_shown(frame, stream.sample_aspect_ratio)
                    due = ((now - start) // every + 1) * every
        if start is None:
            raise BlipkitError("there is no frame in it")
        stated = Fraction(container.duration or 0, av.time_base)
        if end < stated - 1:  # Matroska ends without an error where a file was cut off
            raise BlipkitError(f"it ends after {float(end):.1f} of {float(stated):.1f} s")
        if reason := cut_off(clip, container.format.name):
            raise BlipkitError(reason)


def _opened(av, clip: Path):
    """An open clip; BlipkitError where it is of a format that is not read."""
    options = {"format_whitelist": READ, "protocol_whitelist": "file"}
    try:
        # a resolved path is never a URL
        return av.open(str(clip.resolve()), metadata_errors="replace", options=options)
    except av.ArgumentError:  # what ffmpeg says of a format that is not in the list
        raise BlipkitError(
            f"there is no video in it of a format that is read; {EXPECTED}"
        ) from None


def _video_stream(container):
    """The stream of a clip's pictures; BlipkitError where it has none, or none that fits."""
    stream = container.streams.best("video")
    if stream is None:
        raise BlipkitError("there is no video in it")
    if stream.codec_context is None:
        raise BlipkitError("its pictures are packed in a way that this PyAV does not know")
    if stream.width * stream.height > LARGEST:
        size = f"{stream.width} x {stream.height}"
        raise BlipkitError(f"its pictures have {size} pixels, more than 50 megapixels")
    return stream


def _as_shown(frame, pixel_shape: Fraction | None) -> Image.Image:
    """A frame's picture upright; one side is stretched where pixels are not square.

    pixel_shape: a pixel's width by its height; None, or 0, where the clip does not say.
    """
    image = frame.to_image()
    ratio = pixel_shape or Fraction(1)
    if not Fraction(1, WIDEST) <= ratio <= WIDEST:
        raise BlipkitError(
            f"its pixels are {ratio.numerator} by {ratio.denominator}, as no camera's"
        )
    width, height = image.size
    if ratio > 1:
        width = round(width * ratio)
    elif ratio < 1:
        height = round(height / ratio)
    if width * height > LARGEST:
        raise BlipkitError(
            f"its pictures are shown with {width} x {height} pixels, more than 50 megapixels"
        )
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    return image.rotate(frame.rotation, expand=True)


def _time_of(frame) -> Fraction:
    """When a frame is shown, in seconds; BlipkitError where it does not say, or is damaged."""
    if frame.pts is None:
        raise BlipkitError("its frames have no times")
    if frame.is_corrupt:
        raise BlipkitError("it is damaged or cut off")
    return frame.pts * frame.time_base
