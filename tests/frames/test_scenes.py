from collections import Counter

from blipkit.frames.scenes import ACTIVITIES, OPEN, QUESTIONS, SIZE, YES_NO, draw_scene


def test_a_scene_is_its_two_numbers():
    """The same seed and index give the same pixels; others do not."""
    assert draw_scene(3, 5).image.tobytes() == draw_scene(3, 5).image.tobytes()
    assert len({draw_scene(s, i).image.tobytes() for s in (3, 4) for i in range(5)}) == 10


def test_every_question_has_one_right_answer():
    """One activity is yes, three are no, and the open answer names it."""
    for index in range(20):
        scene = draw_scene(1, index)
        assert scene.image.size == (SIZE, SIZE) and scene.image.mode == "RGB"
        assert set(scene.answers) == set(QUESTIONS)
        assert [q for q in YES_NO if scene.answers[q] == "yes"] == [
            f"is the dog {scene.answers[OPEN]}?"
        ]


def test_activities_are_equally_likely():
    """No activity is rare."""
    counts = Counter(draw_scene(9, i).activity for i in range(200))
    assert set(counts) == set(ACTIVITIES) and min(counts.values()) > 25
