"""The frames that clients ask about are shown with their right answers."""

from blipkit.frames.frames import Frame, synthetic_frames
from blipkit.load.asked import Asked

QUESTION = "is the dog barking?"


def test_a_frame_is_shown_with_its_right_answers(capsys):
    """A synthetic scene knows them."""
    frames = synthetic_frames(2, 3)
    Asked(frames, [QUESTION], "d1").show()
    shown = capsys.readouterr().out
    assert all(f"{QUESTION} {frame.answers[QUESTION]}" in shown for frame in frames)


def test_a_frame_that_nobody_labelled_says_so():
    """Its name, and each question."""
    asked = Asked([], [QUESTION], "")
    assert asked.caption(Frame("cam-1.jpg", None)) == f"cam-1.jpg\n{QUESTION} (not labelled)"
