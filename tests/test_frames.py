from blipkit.frames import drawn_frames, fixed_frame, images
from blipkit.scenes import QUESTIONS


def test_drawn_frames_carry_their_answers():
    """Each frame has a name of its own and a right answer to every built-in question."""
    frames = drawn_frames(4, seed=3)
    assert len({f.name for f in frames}) == 4 and all(set(f.answers) == set(QUESTIONS) for f in frames)
    assert images(frames) == [f.image for f in frames]


def test_more_frames_begin_with_the_same_ones():
    """A longer series is the shorter one and more."""
    assert [f.image.tobytes() for f in drawn_frames(3, 5)] == [f.image.tobytes() for f in drawn_frames(6, 5)[:3]]


def test_the_fixed_frame_is_fixed():
    """It is the same picture at each call, so that its pixels can be compared across machines."""
    assert fixed_frame().tobytes() == fixed_frame().tobytes()
