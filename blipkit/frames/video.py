"""Frames out of a video clip, as PNG files in a folder; needs the extra `blipkit[video]`."""

import re
from fractions import Fraction
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError

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
    are the clip's own, whatever its frame rate. Raises BadInput where nothing can be written, and
    BlipkitError where a clip is damaged or cut off, after the frames before that.
    """
    av = _pyav()
    # exact: the float 0.1 is a little more than a tenth
    every = Fraction(str(parse_every(str(every_s))))
    if not clip.is_file():
        raise BadInput(f"video {str(clip)!r}: no such file; expected a clip such as walk.mp4")
    _check_free(folder, clip.stem)
    written: list[Path] = []
    try:
        for seconds, image in _pictures(av, clip, every):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{clip.stem}-{_time_in_name(seconds)}.png"
            image.save(path)
            written.append(path)
    except (av.FFmpegError, BlipkitError) as error:
        raise _damage(clip, error, written) from None
    except OSError as error:
        reason = f"{error.strerror}; {len(written)} frames were written"
        raise BlipkitError(
            f"{str(folder)!r}: {reason}. Name a folder that can be written, with room left"
        ) from None
    return written


def _pyav():
    """The module av; BadInput where it is not installed."""
    try:
        import av
    except ImportError:
        raise BadInput(
            "cutting a video needs PyAV, which is not installed; run pip install 'blipkit[video]'"
        ) from None
    return av


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
    # a resolved path is never a URL
    with av.open(str(clip.resolve()), metadata_errors="replace") as container:
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
                    yield now - start, frame.to_image().rotate(frame.rotation, expand=True)
                    due = ((now - start) // every + 1) * every
        if start is None:
            raise BlipkitError("there is no frame in it")
        stated = Fraction(container.duration or 0, av.time_base)
        if end < stated - 1:  # Matroska ends without an error where a file was cut off
            raise BlipkitError(f"it ends after {float(end):.1f} of {float(stated):.1f} s")


def _video_stream(container):
    """The stream of a clip's pictures; BlipkitError where it has none."""
    stream = container.streams.best("video")
    is_picture_or_text = container.format.name.endswith(("_pipe", "image2", "tty"))
    if stream is None or is_picture_or_text:
        raise BlipkitError("there is no video in it")
    return stream


def _time_of(frame) -> Fraction:
    """When a frame is shown, in seconds; BlipkitError where it does not say, or is damaged."""
    if frame.pts is None:
        raise BlipkitError("its frames have no times")
    if frame.is_corrupt:
        raise BlipkitError("it is damaged or cut off")
    return frame.pts * frame.time_base
