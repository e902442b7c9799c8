import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blipkit.errors import BadInput, BlipkitError
from blipkit.frames import video
from blipkit.frames.frames import load_frames
from blipkit.frames.video import cut_video, parse_every
from blipkit.paths import ROOT

av = pytest.importorskip("av")
TENTHS = range(50)


def make_clip(
    path: Path,
    times=TENTHS,
    codec="libx264",
    size=(64, 48),
    picture=None,
    rotation=0,
    duration=1,
    title="",
    pixel_shape=None,
    **options,
) -> Path:
    """A clip with one frame at each of `times`, tenths of a second; frame i is grey 5 * i, or picture(i)."""
    picture = picture or (lambda i: np.full((size[1], size[0], 3), 5 * i, np.uint8))
    with av.open(str(path), "w", options=options) as container:
        container.metadata["title"] = title
        stream = container.add_stream(codec, rate=Fraction(10, duration))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base, stream.bit_rate = Fraction(1, 10), 4_000_000
        if pixel_shape:
            stream.codec_context.sample_aspect_ratio = Fraction(*pixel_shape)
        if rotation:
            stream.set_display_rotation(rotation)
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts, frame.time_base, frame.duration = time, Fraction(1, 10), duration
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def noise(index):
    """Pictures that do not compress, so that half a file holds about half of them."""
    return np.random.default_rng(index).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def greys(paths) -> list[int]:
    """The frame's number, from the grey it was given."""
    return [round(np.asarray(Image.open(path)).mean() / 5) for path in paths]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2),
        ("500ms", 0.5),
        ("1m", 60),
        ("0.5", 0.5),
        (" 1.5 s ", 1.5),
        ("700ms", 0.7),
        ("1ms", 0.001),
        ("3", 3),
    ],
)
def test_a_time_is_read_with_its_unit(text, seconds):
    """Seconds, milliseconds and minutes are read; no unit means seconds."""
    assert parse_every(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["0", "0s", "-1s", "nan", "inf", "", "s", "2 hours", "1,5s", "1e3", "0.5ms", "1.2.3", "９s"],
)
def test_a_time_that_means_nothing_is_refused(text):
    """Zero, negative and unreadable times are refused with examples."""
    with pytest.raises(
        BadInput, match=r"expected a time of at least 1ms, such as 2s, 500ms, 1m or 0.5 \(seconds\)"
    ):
        parse_every(text)


@pytest.mark.parametrize(
    ("codec", "ending"),
    [("libx264", "mp4"), ("mpeg4", "mp4"), ("libx264", "mkv"), ("libx264", "ts"), ("mpeg4", "avi")],
)
def test_a_clip_gives_a_frame_every_second(tmp_path, codec, ending):
    """One file per second of video, named by its time, with the pixels of the frame at that time."""
    paths = cut_video(
        make_clip(tmp_path / f"walk.{ending}", codec=codec), tmp_path / "out" / "frames", 1
    )
    assert [p.name for p in paths] == [f"walk-00h00m0{s}.000.png" for s in range(5)]
    assert sorted((tmp_path / "out" / "frames").iterdir()) == paths
    assert greys(paths) == [0, 10, 20, 30, 40]
    assert all(
        Image.open(p).size == (64, 48) and np.asarray(Image.open(p)).std() < 2 for p in paths
    )


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (0.1, list(range(50))),
        (0.7, [0, 7, 14, 21, 28, 35, 42, 49]),
        (0.25, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30, 33, 35, 38, 40, 43, 45, 48]),
        (0.001, list(range(50))),
        (4.95, [0]),
        (60, [0]),
    ],
)
def test_a_frame_is_the_first_at_or_after_its_time(tmp_path, every, expected):
    """Multiples of a time are met exactly, without a float's rounding, and no frame is written twice."""
    paths = cut_video(make_clip(tmp_path / "a.mp4"), tmp_path / "f", every)
    assert greys(paths) == expected
    assert [p.name for p in paths] == [f"a-00h00m0{i // 10}.{i % 10}00.png" for i in expected]


def test_a_variable_frame_rate_is_cut_by_time(tmp_path):
    """Frames are counted by when they are shown, not by their number."""
    times = [0, 1, 2, 8, 9, 11, 30, 31, 45]
    paths = cut_video(make_clip(tmp_path / "a.mp4", times), tmp_path / "f", 1)
    assert [times[g] for g in greys(paths)] == [0, 11, 30, 45]
    assert [p.name[2:-4] for p in paths] == [
        "00h00m00.000",
        "00h00m01.100",
        "00h00m03.000",
        "00h00m04.500",
    ]


def test_times_count_from_the_first_frame(tmp_path):
    """A clip whose clock starts late is cut from its first frame on."""
    paths = cut_video(make_clip(tmp_path / "a.mkv", range(37, 60)), tmp_path / "f", 1)
    assert greys(paths) == [0, 10, 20] and paths[1].name == "a-00h00m01.000.png"


def test_a_slow_clip_is_not_taken_for_a_cut_one(tmp_path):
    """The last frame of a clip is shown for as long as the others; that it starts long before the end is no damage."""
    paths = cut_video(
        make_clip(tmp_path / "a.mkv", range(0, 150, 30), duration=30), tmp_path / "f", 3
    )
    assert greys(paths) == [0, 1, 2, 3, 4]


def test_a_title_in_another_encoding_stops_nothing(tmp_path):
    """What a camera wrote beside the video is not read, in whatever encoding."""
    clip = make_clip(tmp_path / "a.mkv", title="at the PLACE")
    write(clip, clip.read_bytes().replace(b"PLACE", b"caf\xe9s"))
    assert len(cut_video(clip, tmp_path / "f", 1)) == 5


def test_names_sort_by_time_beyond_an_hour(tmp_path):
    """Hours and minutes are part of the name."""
    paths = cut_video(make_clip(tmp_path / "a.mp4", [0, 9, 610, 36_619]), tmp_path / "f", 60)
    assert [p.name[2:-4] for p in paths] == [
        "00h00m00.000",
        "00h01m01.000",
        "01h01m01.900",
    ] and paths == sorted(paths)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_turned_phone_gives_upright_frames(tmp_path, rotation):
    """Rotation that the container states, counter-clockwise in degrees, is applied to every frame."""
    upright = np.zeros((64, 64, 3), np.uint8)
    upright[:20], upright[:, :20] = 120, 240  # no two sides alike
    stored = np.rot90(upright, -rotation // 90)
    clip = make_clip(
        tmp_path / "a.mp4",
        range(3),
        size=(64, 64),
        picture=lambda i: stored.copy(),
        rotation=rotation,
    )
    for path in cut_video(clip, tmp_path / "f", 0.1):
        assert np.abs(np.asarray(Image.open(path)).astype(int) - upright).mean() < 5


def test_a_turned_clip_changes_its_sides(tmp_path):
    """What was filmed upright is higher than wide."""
    clip = make_clip(tmp_path / "a.mp4", range(2), rotation=90)
    assert [Image.open(p).size for p in cut_video(clip, tmp_path / "f", 0.1)] == [(48, 64)] * 2


def test_what_was_cut_are_frames_to_ask_about(tmp_path):
    """The folder of a clip is a source of frames."""
    cut_video(make_clip(tmp_path / "a.mp4"), tmp_path / "f", 1)
    assert len(load_frames(str(tmp_path / "f"), 9, seed=1)) == 5


def sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 8000), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def still(path: Path) -> Path:
    Image.new("RGB", (64, 48)).save(path)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: f / "no.mp4", "no.mp4': no such file; expected a clip such as walk.mp4"),
        (lambda f: f, "': no such file"),
        (
            lambda f: write(f / "empty.mp4", b""),
            "empty.mp4': Invalid data found.*; expected a clip that plays",
        ),
        (lambda f: write(f / "text.mp4", b"hello " * 200), "text.mp4': Invalid data found"),
        (lambda f: write(f / "text.txt", b"hello " * 200), "text.txt': there is no video in it"),
        (lambda f: still(f / "still.jpg"), "still.jpg': there is no video in it"),
        (lambda f: still(f / "still.png"), "still.png': there is no video in it"),
        (lambda f: sound(f / "sound.wav"), "sound.wav': there is no video in it"),
        (lambda f: cut(make_clip(f / "a.mp4"), 0.5), "a.mp4': Invalid data found"),
        (lambda f: make_clip(f / "a.h264"), "a.h264': its frames have no times"),
        (
            lambda f: cut(make_clip(f / "a.mkv"), 0.21),
            "a.mkv': there is no frame in it",
        ),  # its head alone
    ],
)
def test_what_is_no_video_is_refused_by_name(tmp_path, make, message):
    """A file with nothing to cut is named, and nothing is written."""
    clip = make(tmp_path)
    with pytest.raises(BadInput, match=message):
        cut_video(clip, tmp_path / "f", 1)
    assert not (tmp_path / "f").exists()


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    return write(path, data[: int(share * len(data))])


@pytest.mark.parametrize(
    ("codec", "ending", "options"),
    [
        ("libx264", "mp4", {"movflags": "faststart"}),
        ("mpeg4", "mp4", {"movflags": "faststart"}),
        ("libx264", "mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("libx264", "mkv", {}),
        ("mpeg4", "avi", {}),
        ("libx264", "flv", {}),
    ],
)
def test_a_clip_that_was_cut_off_gives_the_frames_before(tmp_path, codec, ending, options):
    """Frames up to the damage are written; then it is said how many, and up to when."""
    whole = cut_video(
        make_clip(tmp_path / f"a.{ending}", codec=codec, picture=noise, **options),
        tmp_path / "all",
        0.1,
    )
    clip = cut(tmp_path / f"a.{ending}", 0.6)
    with pytest.raises(
        BlipkitError, match=rf"a.{ending}': .*frames were written, up to a-00h00m0.*remove them and"
    ) as e:
        cut_video(clip, tmp_path / "f", 0.1)
    written = sorted((tmp_path / "f").iterdir())
    assert 10 < len(
        written
    ) < 45 and f"; {len(written)} frames were written, up to {written[-1].name}." in str(e.value)
    assert not isinstance(e.value, BadInput)
    for path, same in zip(written, whole, strict=False):
        assert path.name == same.name and path.read_bytes() == same.read_bytes()


def test_damage_in_the_middle_is_told(tmp_path):
    """A clip whose middle was overwritten gives the frames before it."""
    clip = make_clip(tmp_path / "a.mp4", codec="mpeg4", picture=noise, movflags="faststart")
    data = clip.read_bytes()
    middle = len(data) // 2
    write(clip, data[:middle] + b"\xff" * 9000 + data[middle + 9000 :])
    with pytest.raises(BlipkitError, match="frames were written, up to a-00h00m0[123]"):
        cut_video(clip, tmp_path / "f", 0.1)


def test_nothing_is_overwritten(tmp_path):
    """A clip whose frames are there already is refused before anything is written; other clips' frames do not matter."""
    clip, folder = make_clip(tmp_path / "walk.mp4"), tmp_path / "f"
    cut_video(make_clip(tmp_path / "walk-2.mp4"), folder, 1)
    cut_video(clip, folder, 2)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(
        BadInput,
        match="holds 3 frames of 'walk' already, such as walk-00h00m00.000.png; nothing is over",
    ):
        cut_video(clip, folder, 1)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("stem", ["a [1]*", "50%d", "a:b", "Ünder wegs"])
def test_a_clip_may_have_any_name(tmp_path, monkeypatch, stem):
    """Names that mean something to a shell, to a pattern or to a protocol are names."""
    make_clip(tmp_path / "plain.mp4").rename(tmp_path / f"{stem}.mp4")
    monkeypatch.chdir(tmp_path)
    clip = Path(f"{stem}.mp4")
    assert [p.name for p in cut_video(clip, tmp_path / "f", 4)] == [
        f"{stem}-00h00m0{s}.000.png" for s in (0, 4)
    ]
    with pytest.raises(BadInput, match="already"):
        cut_video(clip, tmp_path / "f", 4)


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    """A file in the folder's place, or above it, is named."""
    clip = make_clip(tmp_path / "a.mp4")
    taken = write(tmp_path / "taken", b"")
    with pytest.raises(
        BadInput, match="taken' is a file; expected a folder for the frames, or a name that is free"
    ):
        cut_video(clip, taken, 1)
    with pytest.raises(
        BlipkitError,
        match="taken/f': Not a directory; 0 frames were written. Name a folder that can be",
    ):
        cut_video(clip, taken / "f", 1)


@pytest.mark.parametrize("every", [0, -1.0, float("nan"), float("inf"), 0.0001])
def test_a_step_that_means_nothing_is_refused(tmp_path, every):
    """In Python too, a step is a time of at least a millisecond."""
    with pytest.raises(BadInput, match="expected a time of at least 1ms"):
        cut_video(make_clip(tmp_path / "a.mp4", range(2)), tmp_path / "f", every)


def test_a_pyav_that_reads_colours_wrong_is_refused(tmp_path, monkeypatch):
    """Before 17, colours of BT.709 were read by another standard; the command that helps is named."""
    monkeypatch.setattr(av, "__version__", "16.1.0")
    with pytest.raises(
        BadInput, match=r"PyAV 16.1.0 reads the colours .* run pip install --upgrade 'av>=17'"
    ):
        cut_video(tmp_path / "a.mp4", tmp_path / "f", 1)


def test_colours_are_those_of_the_clips_own_standard(tmp_path):
    """A picture that says BT.709 is read by it, whatever the size of the clip."""
    red, blue_weight, red_weight = (200 / 255, 40 / 255, 40 / 255), 0.0722, 0.2126
    luma = red_weight * red[0] + (1 - red_weight - blue_weight) * red[1] + blue_weight * red[2]
    planes = (
        16 + 219 * luma,
        128 + 224 * (red[2] - luma) / (2 * (1 - blue_weight)),
        128 + 224 * (red[0] - luma) / (2 * (1 - red_weight)),
    )
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.colorspace = stream.codec_context.color_range = 1
        for _ in range(3):
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane, value in zip(frame.planes, planes, strict=True):
                plane.update(bytes([round(value)]) * plane.buffer_size)
            frame.colorspace = frame.color_range = 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (path,) = cut_video(tmp_path / "a.mp4", tmp_path / "f", 1)
    assert np.abs(np.asarray(Image.open(path)).astype(int) - (200, 40, 40)).max() < 4


@pytest.mark.parametrize(
    ("pixel_shape", "rotation", "shown"),
    [((4, 3), 0, (85, 48)), ((2, 3), 0, (64, 72)), ((1, 1), 0, (64, 48)), ((2, 1), 90, (48, 128))],
)
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_pixels_that_are_not_square_are_stretched(tmp_path, pixel_shape, rotation, shown, ending):
    """A picture is as wide as a player shows it, and loses no pixel."""
    options = {"pixel_shape": pixel_shape, "rotation": rotation}
    clip = make_clip(tmp_path / f"a.{ending}", range(2), **options)
    assert [Image.open(path).size for path in cut_video(clip, tmp_path / "f", 1)] == [shown]


def test_pixels_of_no_camera_are_refused(tmp_path):
    """What is 20 times as wide as high would be a picture of nothing."""
    clip = make_clip(tmp_path / "a.mkv", range(2), pixel_shape=(20, 1))
    with pytest.raises(BadInput, match="its pixels are 20 by 1, as no camera's"):
        cut_video(clip, tmp_path / "f", 1)


PLAYLISTS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:5,\nother.ts\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile other.ts\n",
    "spaced": b"\xef\xbb\xbf\nffconcat version 1.0\nfile other.ts\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "dash": b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.m3u8"])
def test_a_playlist_is_not_followed(tmp_path, kind, name):
    """A text that names other files, or the network, is refused, whatever it is called."""
    make_clip(tmp_path / "other.ts")
    clip = write(tmp_path / name, PLAYLISTS[kind])
    with pytest.raises(BadInput, match=f"{name}': it is a playlist .*, and what it names is not"):
        cut_video(clip, tmp_path / "f", 1)
    assert not (tmp_path / "f").exists()


def test_an_unknown_codec_is_told(tmp_path):
    """A clip whose pictures no decoder knows is refused in words."""
    clip = make_clip(tmp_path / "a.mkv", range(3), codec="mpeg4")
    write(clip, clip.read_bytes().replace(b"V_MPEG4/ISO/ASP", b"V_MPEG4/ISO/XYZ"))
    with pytest.raises(BadInput, match="a.mkv': its pictures are packed in a way that this PyAV"):
        cut_video(clip, tmp_path / "f", 1)


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp"])
def test_ffmpeg_follows_no_playlist_either(tmp_path, monkeypatch, kind):
    """Its own list of formats, and of protocols, holds what only a player needs to open."""
    make_clip(tmp_path / "other.ts")
    clip = write(tmp_path / "clip.m3u8", PLAYLISTS[kind])
    monkeypatch.setattr(video, "PLAYLISTS", {})
    with pytest.raises(
        BadInput, match="there is no video in it of a format that is read; expected"
    ):
        cut_video(clip, tmp_path / "f", 1)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_a_pipe_or_a_device_is_not_opened(tmp_path, make):
    """It would be waited for, or read without end."""
    make(tmp_path / "a.mp4")
    with pytest.raises(BadInput, match="a.mp4': it is a pipe, a device or a link to nothing"):
        cut_video(tmp_path / "a.mp4", tmp_path / "f", 1)


def test_a_clip_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    """The limit is that of images."""
    clip = make_clip(tmp_path / "a.mp4", range(2))
    monkeypatch.setattr(video, "LARGEST", 3_000)
    with pytest.raises(BadInput, match="its pictures have 64 x 48 pixels, more than 50 megapixels"):
        cut_video(clip, tmp_path / "f", 1)


class Stopping:
    """A picture of which half is written before something happens."""

    def __init__(self, error):
        self.error = error

    def save(self, path, format):
        path.write_bytes(b"half a picture")
        raise self.error


@pytest.fixture
def stopped_at_the_third(monkeypatch):
    """Clips of which the third picture is never written whole."""

    def patch(error):
        whole = video._as_shown
        made = []

        def as_shown(*args):
            made.append(whole(*args))
            return Stopping(error) if len(made) == 3 else made[-1]

        monkeypatch.setattr(video, "_as_shown", as_shown)

    return patch


def test_ctrl_c_leaves_whole_frames_only(tmp_path, stopped_at_the_third):
    """One sentence says how many; the file that was being written is gone."""
    stopped_at_the_third(KeyboardInterrupt())
    with pytest.raises(
        BlipkitError, match="a.mp4': stopped, 2 frames were written, up to a-00h00m01.000.png, each"
    ) as error:
        cut_video(make_clip(tmp_path / "a.mp4"), tmp_path / "f", 1)
    assert not isinstance(error.value, BadInput)
    names = sorted(path.name for path in (tmp_path / "f").iterdir())
    assert names == ["a-00h00m00.000.png", "a-00h00m01.000.png"]
    assert greys(sorted((tmp_path / "f").iterdir())) == [0, 10]


def test_ctrl_c_ends_the_command_with_a_sentence(tmp_path):
    """`blipkit frames` says how many were written, with exit status 1; every file is whole."""
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    many = range(1000)  # so many that they cannot all be written before Ctrl-C
    clip_of = {"codec": "mpeg4", "size": (320, 240), "picture": lambda i: noise}
    make_clip(tmp_path / "a.mkv", times=many, **clip_of)
    clip, folder = str(tmp_path / "a.mkv"), str(tmp_path / "f")
    command = [sys.executable, "-m", "blipkit", "frames", clip, folder, "--every", "100ms"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background job ignores it, and so would its child
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + 60
    while time.monotonic() < end and not list(tmp_path.glob("f/*.png")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    files = sorted(tmp_path.glob("f/*"))
    assert process.returncode == 1 and 0 < len(files) < len(many)
    assert said.startswith(f"blipkit: video {clip!r}: stopped, {len(files)} frames were written")
    assert {path.suffix for path in files} == {".png"}
    for path in files:
        Image.open(path).load()


def test_a_full_disk_leaves_whole_frames_only(tmp_path, stopped_at_the_third):
    """What did not fit is not left in half."""
    stopped_at_the_third(OSError(28, "No space left on device"))
    with pytest.raises(BlipkitError, match="No space left on device; 2 frames were written"):
        cut_video(make_clip(tmp_path / "a.mp4"), tmp_path / "f", 1)
    assert len(list((tmp_path / "f").iterdir())) == 2


def test_what_a_killed_process_left_is_no_frame_and_goes(tmp_path):
    """A file that was never put in its place has a hidden name; the next cut of the clip removes it."""
    folder = tmp_path / "f"
    folder.mkdir()
    left = write(folder / ".a-00h00m00.000.png.part", b"half")
    other = write(folder / ".b-00h00m00.000.png.part", b"half")
    cut_video(make_clip(tmp_path / "a.mp4"), folder, 1)
    assert not left.exists() and other.exists()
    assert len(load_frames(str(folder), 9, seed=1)) == 5


def test_without_pyav_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    """PyAV is optional; where it is missing, the extra that brings it is named."""
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        BadInput, match=r"PyAV, which is not installed; run pip install 'blipkit\[video\]'"
    ):
        cut_video(tmp_path / "a.mp4", tmp_path / "f", 1)
