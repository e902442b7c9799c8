"""Whether a clip's file ends where its container says.

A recorder that loses its power, and a download that stops, leave a file that plays to its last
whole picture without an error.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

INSIDE = "it is cut off: its file ends inside "
TS_PACKETS = (188, 192, 204)  # bytes: plain, with a time (Blu-ray), with error correction
HEAD = 12  # bytes, of Matroska's longest name and length of an element
MOST = 1_000_000  # boxes or elements that are examined: a file of empty ones would take minutes
TS_SYNC = 0x47  # a packet's first byte; with a time, its fifth


def cut_off(clip: Path, container: str) -> str:
    """How a file shows that it was cut off, "" where it does not.

    container: ffmpeg's name of the format. MPEG program streams, FLV, ASF, Ogg and bare streams
    have nothing to go by; nor has what was cut between two packets, boxes or blocks.
    """
    size = clip.stat().st_size
    for name, examine in EXAMINED.items():
        if name in container.split(","):
            with open(clip, "rb") as file:
                return examine(file, size)
    return ""


def _cut_avi(file: BinaryIO, size: int) -> str:
    """AVI: its one or several RIFF chunks say how long they are."""
    place = 0
    while place + 12 <= size:
        file.seek(place)
        mark, length = struct.unpack("<4sI", file.read(8))
        if mark != b"RIFF":
            return ""
        if length == 0:
            return "its recording was never finished: its RIFF chunk has no length"
        place += 8 + length
    if place > size:
        return f"{INSIDE}a RIFF chunk, {place - size} bytes before its end"
    return ""


def _cut_boxes(file: BinaryIO, size: int) -> str:
    """MP4 and MOV: each box says how long it is."""
    place = 0
    for _ in range(MOST):
        if place + 8 > size:
            break
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length < 8:  # 0 is "to the end", wherever that is; others are no lengths
            return ""
        place += length
        if place > size:
            box = name.decode("latin-1")
            return f"{INSIDE}the box {box!r}, {place - size} bytes before its end"
    return ""


def _cut_matroska(file: BinaryIO, size: int) -> str:
    """Matroska and WebM: each element says how long it is, but for what was sent as it came."""
    place = 0
    for _ in range(MOST):
        if place == size:
            break
        file.seek(place)
        head = file.read(HEAD)
        _, first = _number(head, 0)
        length, second = _number(head, first)
        if not first or not second:
            is_head = len(head) < HEAD and head.strip(b"\0")
            return f"{INSIDE}the head of an element" if is_head else ""
        place += first + second
        if length is None:  # its elements follow, and it ends where another of its kind begins
            continue
        place += length
        if place > size:
            return f"{INSIDE}an element, {place - size} bytes before its end"
    return ""


def _number(head: bytes, place: int) -> tuple[int | None, int]:
    """(number, bytes it takes) as Matroska writes it; None for "not known", 0 bytes for none.

    Its first bit that is 1 tells how long it is.
    """
    first = head[place : place + 1]
    if not first or not first[0]:
        return None, 0
    length = 9 - first[0].bit_length()
    written = head[place : place + length]
    if len(written) < length:
        return None, 0
    number = int.from_bytes(written, "big")
    mark = 1 << 7 * length
    if number - mark == mark - 1:
        return None, length
    return number - mark, length


def _cut_ts(file: BinaryIO, size: int) -> str:
    """MPEG transport stream: packets of one length, each with a sync byte."""
    head = file.read(5 * max(TS_PACKETS))
    for length in TS_PACKETS:
        first = 4 if length == 192 else 0
        syncs = head[first::length]
        if len(syncs) > 1 and set(syncs) == {TS_SYNC}:
            over = size % length
            return f"{INSIDE}a packet, after {over} of {length} bytes" if over else ""
    return ""


def _cut_gif(file: BinaryIO, size: int) -> str:
    """GIF: its last byte is a semicolon; some programs write zeros behind it."""
    file.seek(max(0, size - 4_096))
    end = file.read().rstrip(b"\0")
    return "" if end.endswith(b";") else "it is cut off: its file has no end mark"


EXAMINED: dict[str, Callable[[BinaryIO, int], str]] = {
    "avi": _cut_avi,
    "mp4": _cut_boxes,
    "matroska": _cut_matroska,
    "mpegts": _cut_ts,
    "gif": _cut_gif,
}
