"""Which frames are asked about: as a profile names them, or scenes where a replay cannot have them."""

from blipkit.frames.source import FrameSource
from blipkit.profiles.profile import load_profile


def test_a_profile_names_its_frames():
    """The folder or the scenes, the seed, and whether spoilt images are passed over."""
    common = load_profile("tiny", ["common.seed=7", "common.skip_unreadable=true"]).common
    assert FrameSource.of(common, 3) == FrameSource("synthetic", 3, 7, True)
    assert [frame.image.size for frame in FrameSource.of(common, 3).load()] == [(160, 160)] * 3


def test_a_replay_shows_scenes_where_the_folder_is_elsewhere(tmp_path, capsys):
    """The frames of another machine's folder cannot be shown here; everything else can."""
    here = FrameSource(str(tmp_path), 2, 0)
    there = FrameSource(str(tmp_path / "cameras"), 2, 0)
    assert there.available("recorded") == FrameSource("synthetic", 2, 0)
    assert "is not on this machine" in capsys.readouterr().out
    assert here.available("recorded") == here and there.available("") == there
