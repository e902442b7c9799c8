"""Sliders over what was recorded: in JupyterLab they draw again, headless the same cell leaves one
static picture.
"""

import os
from collections.abc import Callable


def is_live() -> bool:
    """Whether a person's JupyterLab or Notebook started this kernel; papermill's sets no session
    name.
    """
    return "JPY_SESSION_NAME" in os.environ and "BLIPKIT_STAGE" not in os.environ


def explore(draw: Callable[..., None], **knobs: tuple[float, float, float]) -> None:
    """Call draw with each knob's start; where somebody is there to move them, with a slider for
    each.

    knobs: name=(least, most, start). draw shows what belongs to these values and measures nothing.
    """
    if not is_live():
        draw(**{name: start for name, (_, _, start) in knobs.items()})
        return
    import ipywidgets
    from IPython.display import display

    look = {
        "style": {"description_width": "10em"},
        "layout": {"width": "32em"},
        "continuous_update": False,
    }
    sliders = {}
    for name, (least, most, start) in knobs.items():
        step = (most - least) / 200
        sliders[name] = ipywidgets.FloatSlider(
            start, min=least, max=most, step=step, description=name, **look
        )
    display(ipywidgets.interactive(draw, **sliders))
