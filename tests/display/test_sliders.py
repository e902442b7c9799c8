import pytest

from blipkit.display import sliders


@pytest.fixture
def drawn():
    """Each call of a drawing function: its arguments."""
    return []


def test_headless_a_static_picture_is_drawn_once(drawn, monkeypatch):
    """Where nobody can move a slider, the start of each knob is shown."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    sliders.explore(
        lambda **knobs: drawn.append(knobs), target_ms=(1.0, 9.0, 5.0), price=(0.1, 2.0, 1.0)
    )
    assert drawn == [{"target_ms": 5.0, "price": 1.0}]


def test_a_run_is_headless_wherever_it_was_started(monkeypatch):
    """`blipkit run` from a terminal of JupyterLab leaves static pictures."""
    monkeypatch.setenv("JPY_SESSION_NAME", "05_cost.ipynb")
    assert sliders.is_live()
    monkeypatch.setenv("BLIPKIT_STAGE", "stage")
    assert not sliders.is_live()


def test_in_a_lab_each_knob_has_a_slider(drawn, monkeypatch):
    """The sliders start where the static picture would, and moving one draws again."""
    shown = []
    monkeypatch.setattr(sliders, "is_live", lambda: True)
    monkeypatch.setattr("IPython.display.display", shown.append)
    sliders.explore(lambda **knobs: drawn.append(knobs), target_ms=(1.0, 9.0, 5.0))
    slider = shown[0].children[0]
    assert (slider.value, slider.min, slider.max) == (5.0, 1.0, 9.0)
    slider.value = 9.0
    assert drawn[0] == {"target_ms": 5.0} and drawn[-1] == {"target_ms": 9.0}
