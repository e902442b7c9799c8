import base64
import io
import os
import re
import subprocess
import sys

import pytest
from PIL import Image
from studies import displayed

from blipkit.display import figures, tables


@pytest.fixture
def shown(monkeypatch):
    """What the functions display: (html, text)."""
    return displayed(monkeypatch)


def test_a_figure_is_inline_svg_with_words(shown):
    """The picture is in the page, and its alt text is what a text reader gets."""
    figure, ax = figures.axes("Title", "x", "y, ms")
    ax.plot([1, 2], [3, 4])
    figures.show(figure, 'p99 rises from 3 to 4 "ms"', [{"x": 1, "y": 3.0}])
    ((markup, text),) = shown
    assert (
        text == 'p99 rises from 3 to 4 "ms"'
        and 'alt="p99 rises from 3 to 4 &quot;ms&quot;"' in markup
    )
    assert "<caption>The data of the figure: Title</caption>" in markup and "<td>3</td>" in markup
    assert b"<svg" in base64.b64decode(re.search(r"svg\+xml;base64,([^\"]+)", markup)[1])


def test_frames_show_their_captions(shown):
    """Each picture has its caption under it, escaped, line by line."""
    figures.show_frames([Image.new("RGB", (4, 4))] * 2, ["a <b>\nyes", "c"])
    ((markup, text),) = shown
    assert markup.count("<img") == 2 and "a &lt;b&gt;<br>yes" in markup and text == "a <b>\nyes\nc"


def test_a_frame_that_is_not_here_is_said_to_be(shown):
    """A replay may show frames whose folder stayed on another machine."""
    figures.show_frames([None], ["a.jpg"])
    assert "not on this machine" in shown[0][0] and "<img" not in shown[0][0]


def test_a_frame_weighs_no_more_than_it_shows(shown):
    """A camera's megapixels are scaled to twice the shown width."""
    figures.show_frames([Image.effect_noise((2000, 1000), 90)], ["a"], width=100)
    data = base64.b64decode(re.search(r"png;base64,([^\"]+)", shown[0][0])[1])
    assert Image.open(io.BytesIO(data)).size == (200, 100)


def test_tables_have_captions_scopes_and_no_nan(shown):
    """A missing figure is said in words; column heads say that they are."""
    tables.show_table([{"a": 0.123456, "b": None}, {"a": 2.0, "b": 1.0}], "A & B")
    ((markup, _),) = shown
    assert "<caption>A &amp; B</caption>" in markup and markup.count('<th scope="col">') == 2
    assert "0.1235" in markup and "not known" in markup and "NaN" not in markup


DRAWN = """
from blipkit.display.figures import axes, show
from blipkit.display import figures
figures.display_html = lambda markup, text: print(text)
figure, ax = axes("a & b, 50%", "x", "y")
ax.plot([1, 2])
show(figure, "drawn", [{"a": 1}])
import matplotlib
print(matplotlib.rcParams["text.usetex"])
"""


SLOWER = [pytest.param(name, marks=pytest.mark.slow) for name in ("an-editors-own", "tkagg")]


@pytest.mark.parametrize("backend", ["module://not_here", *SLOWER])
def test_a_users_matplotlib_settings_have_no_say(tmp_path, backend):
    """LaTeX that is not installed, and a backend that an editor names, stop no figure."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    variables = dict(os.environ, MPLCONFIGDIR=str(tmp_path), MPLBACKEND=backend)
    ran = subprocess.run([sys.executable, "-c", DRAWN], env=variables, capture_output=True)
    assert (ran.stdout, ran.returncode) == (b"drawn\nFalse\n", 0), ran.stderr
