"""Frames out of a video clip, as PNG files in a folder; needs the extra `blipkit[video]`."""

import re
from fractions import Fraction
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError

UNITS = {"ms": Fraction(1, 1000), "s": 1, "m": 60}


def parse_every(text: str) -> float:
    """Seconds from a time such as 2s, 500ms, 1m or 0.5; at least 1 ms."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,20})?) ?(ms|s|m|)", text.strip())
    seconds = Fraction(found[1]) * UNITS[found[2] or "s"] if found else 0
    if seconds < UNITS["ms"]:
        raise BadInput(
            f"every {text!r}: expected a time of at least 1ms, such as 2s, 500ms, 1m or 0.5 "
            "(seconds)"
        )
    return float(seconds)


def cut_video(clip: Path, folder: Path, every_s: float) -> list[Path]:
    """Write the first frame at or after each multiple of `every_s` seconds from the clip's first;
    their files in order.

    Times are the clip's own, whatever its frame rate. Raises BadInput where nothing can be written,
    and BlipkitError where a clip is damaged or cut off, after the frames before that.
    """
    try:
        import av
    except ImportError:
        raise BadInput(
            "cutting a video needs PyAV, which is not installed; run pip install 'blipkit[video]'"
        ) from None

    # exact: the float 0.1 is a little more than a tenth
    every = Fraction(str(parse_every(str(every_s))))
    video = f"video {str(clip)!r}"
    if not clip.is_file():
        raise BadInput(f"{video}: no such file; expected a clip such as walk.mp4")
    if folder.exists() and not folder.is_dir():
        raise BadInput(
            f"{str(folder)!r} is a file; expected a folder for the frames, or a name that is free"
        )
    name = re.compile(re.escape(clip.stem) + r"-\d+h\d\dm\d\d\.\d{3}\.png")
    taken = sorted(path.name for path in folder.glob("*.png") if name.fullmatch(path.name))
    if taken:
        seen = (
            f"{str(folder)!r} holds {len(taken)} frames of {clip.stem!r} already, such as "
            f"{taken[0]}"
        )
        raise BadInput(f"{seen}; nothing is overwritten: remove them, or name another folder")
    written: list[Path] = []
    try:
        for seconds, image in _pictures(av, clip, every):
            folder.mkdir(parents=True, exist_ok=True)
            whole, ms = divmod(int(seconds * 1000), 1000)
            time = f"{whole // 3600:02}h{whole // 60 % 60:02}m{whole % 60:02}.{ms:03}"  # sorts
            path = folder / f"{clip.stem}-{time}.png"
            image.save(path)
            written.append(path)
    except (av.FFmpegError, BlipkitError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if not written:
            raise BadInput(
                f"{video}: {reason}; expected a clip that plays, such as walk.mp4"
            ) from None
        reason += f"; {len(written)} frames were written, up to {written[-1].name}"
        raise BlipkitError(
            f"{video}: {reason}. Use these, or remove them and cut an undamaged copy"
        ) from None
    except OSError as error:
        reason = f"{error.strerror}; {len(written)} frames were written"
        raise BlipkitError(
            f"{str(folder)!r}: {reason}. Name a folder that can be written, with room left"
        ) from None
    return written


def _pictures(av, clip: Path, every: Fraction):
    """(seconds since the first frame, PIL image) of the frames that are due, upright."""
    start, due, end = None, Fraction(0), Fraction(0)
    with av.open(
        str(clip.resolve()), metadata_errors="replace"
    ) as container:  # a resolved path is never a URL
        stream = container.streams.best("video")
        if stream is None or container.format.name.endswith(
            ("_pipe", "image2", "tty")
        ):  # a picture, or plain text
            raise BlipkitError("there is no video in it")
        for packet in container.demux():
            if packet.pts is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
            for frame in packet.decode() if packet.stream.index == stream.index else ():
                if frame.pts is None:
                    raise BlipkitError("its frames have no times")
                if frame.is_corrupt:
                    raise BlipkitError("it is damaged or cut off")
                now = frame.pts * frame.time_base
                start = now if start is None else start
                if now - start >= due:
                    yield now - start, frame.to_image().rotate(frame.rotation, expand=True)
                    due = ((now - start) // every + 1) * every
        if start is None:
            raise BlipkitError("there is no frame in it")
        stated = Fraction(container.duration or 0, av.time_base)
        if end < stated - 1:  # Matroska ends without an error where a file was cut off
            raise BlipkitError(f"it ends after {float(end):.1f} of {float(stated):.1f} s")
