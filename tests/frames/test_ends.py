import struct

import pytest
from PIL import Image
from test_video import cut, make_clip, noise, write

from blipkit.errors import BlipkitError
from blipkit.frames.ends import cut_off
from blipkit.frames.video import cut_video

FFMPEG = {
    "avi": "avi",
    "mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "mkv": "matroska,webm",
    "ts": "mpegts",
    "gif": "gif",
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A whole clip of each kind: ending -> file."""
    folder = tmp_path_factory.mktemp("clips")
    made = {}
    for ending, codec in (
        ("avi", "mpeg4"),
        ("mp4", "libx264"),
        ("mkv", "libx264"),
        ("ts", "mpeg4"),
    ):
        made[ending] = make_clip(folder / f"a.{ending}", codec=codec, picture=noise)
    pictures = [Image.fromarray(noise(index)) for index in range(20)]
    made["gif"] = folder / "a.gif"
    pictures[0].save(made["gif"], save_all=True, append_images=pictures[1:], duration=100)
    return made


@pytest.mark.parametrize("ending", FFMPEG)
def test_a_whole_clip_ends_where_it_says(clips, tmp_path, ending):
    """Nothing is said of it, and its frames are cut to the last."""
    assert cut_off(clips[ending], FFMPEG[ending]) == ""
    assert len(cut_video(clips[ending], tmp_path / "f", 0.1)) == 20 + 30 * (ending != "gif")


@pytest.mark.parametrize("ending", FFMPEG)
@pytest.mark.parametrize("lost", [1, 3, 50, 101])
def test_a_clip_that_lost_its_end_says_so(clips, tmp_path, ending, lost):
    """Even where only the last bytes are missing; the frames before are written."""
    content = clips[ending].read_bytes()[:-lost]
    clip = write(tmp_path / f"a.{ending}", content)
    assert "cut off" in cut_off(clip, FFMPEG[ending])
    if ending != "mp4":  # whose list of frames stands at its end
        with pytest.raises(BlipkitError, match=rf"a.{ending}': .*frames were written, up to a-00h"):
            cut_video(clip, tmp_path / "f", 0.1)
        assert list((tmp_path / "f").iterdir())


@pytest.mark.parametrize("ending", ["avi", "mkv", "ts", "gif"])
@pytest.mark.parametrize("share", [0.3, 0.61, 0.9])
def test_a_clip_that_was_cut_anywhere_says_so(clips, tmp_path, ending, share):
    """Its frames up to there are written, and it is said that they are not all."""
    clip = cut(write(tmp_path / f"a.{ending}", clips[ending].read_bytes()), share)
    with pytest.raises(BlipkitError, match=rf"a.{ending}': .* frames were written, up to"):
        cut_video(clip, tmp_path / "f", 0.1)


def test_a_recording_that_was_never_finished_says_so(clips, tmp_path):
    """An AVI whose length was to be written at the end."""
    content = bytearray(clips["avi"].read_bytes())
    content[4:8] = bytes(4)
    clip = write(tmp_path / "a.avi", bytes(content))
    assert cut_off(clip, "avi").startswith("its recording was never finished")


def test_what_was_sent_as_it_came_has_no_length(clips, tmp_path):
    """A live Matroska says of no segment and no cluster how long it is; its blocks still do."""
    content = clips["mkv"].read_bytes()
    segment = content.index(b"\x18\x53\x80\x67") + 4
    live = content[:segment] + b"\x01" + b"\xff" * 7 + content[segment + 8 :]
    assert cut_off(write(tmp_path / "a.mkv", live), "matroska,webm") == ""
    assert "cut off" in cut_off(write(tmp_path / "b.mkv", live[:-40]), "matroska,webm")


@pytest.mark.parametrize("ending", FFMPEG)
@pytest.mark.parametrize("junk", [b"", b"\0" * 99, b"\xff" * 99, b"RIFF", struct.pack(">I", 1)])
def test_junk_is_examined_to_its_end(tmp_path, ending, junk):
    """No content makes the examination stop, or go on for ever."""
    assert isinstance(cut_off(write(tmp_path / "a", junk), FFMPEG[ending]), str)


def test_what_cannot_be_known_is_not_said(tmp_path):
    """A container without lengths is taken at its word."""
    assert cut_off(write(tmp_path / "a.flv", b"FLV"), "flv") == ""
