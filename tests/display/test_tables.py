import pytest
from studies import displayed

from blipkit.display.tables import show_folded, show_ratio, table_html


def test_a_folded_table_is_unfolded_by_its_caption(monkeypatch):
    """As text, the whole of it stands there."""
    shown = displayed(monkeypatch)
    show_folded([{"what": "a <b>", "seen": 3}], "Facts & figures")
    ((page, text),) = shown
    assert page.startswith("<details><summary>Facts &amp; figures</summary><table")
    assert "<caption>Facts &amp; figures</caption>" in page and "a &lt;b&gt;" in page
    assert text.splitlines()[0] == "Facts & figures" and "a <b>" in text


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (89.283, "product: 89.28 GFLOP/s measured, 80 predicted, ratio 1.116"),
        (65, "product: 65 GFLOP/s measured, 80 predicted, ratio 0.8125"),
        (None, "product: not recorded, 80 GFLOP/s predicted"),
    ],
)
def test_a_ratio_is_that_of_measured_to_predicted(capsys, measured, said):
    """And where nothing was recorded, that is said."""
    show_ratio("product", measured, 80.0, "GFLOP/s")
    assert capsys.readouterr().out == f"{said}\n"


def test_a_prediction_that_could_not_be_made_has_no_ratio(capsys):
    """00 may not have run: nan stands there, and nothing stops."""
    show_ratio("encoder", 2.0, float("nan"), "ms")
    assert capsys.readouterr().out == "encoder: 2 ms measured, nan predicted, ratio nan\n"


def test_figures_by_name_are_no_python_in_a_table():
    """Weights of backends, each with its digits as elsewhere."""
    rows = [{"at": 1.5, "weights": {"gpu": 95.0, "inf2": 5.0}}, {"at": None, "weights": {}}]
    shown = table_html(rows, "Switched")
    assert "<td>gpu=95, inf2=5</td>" in shown and "{" not in shown and "not known" in shown
