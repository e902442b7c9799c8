from compiling import compiled_row, failed_row
from studies import displayed

from blipkit.runners.figures import draw_megabytes, draw_seconds


def row(arm="a", component="image_encoder", bucket="1f", **fields):
    return compiled_row(arm=arm, component=component, bucket=bucket, **fields)


def test_sizes_are_drawn_beside_their_prediction(monkeypatch):
    """One bucket is drawn, every row is in the table; the caption has the least and the largest ratio."""
    shown = displayed(monkeypatch)
    draw_megabytes([row(), row(arm="b", mb=1.6), row(bucket="8f", mb=99.0)])
    ((page, caption),) = shown
    assert (
        caption
        == "2 compiled components of 2 arms, in the bucket 1f: measured is 1.000 to 1.250 times predicted."
    )
    assert page.startswith('<figure class="detail">') and "99" in page


def test_seconds_are_drawn_where_an_arm_has_any(monkeypatch):
    """An emulated arm has none; a forecast is a mark of its own, and the caption says what it means."""
    shown = displayed(monkeypatch)
    draw_seconds(
        [
            row(seconds=3.0),
            row("b", "text_encoder", seconds=4.5, predicted_s=5.0),
            row("c", seconds=None),
        ]
    )
    draw_seconds([row("c", seconds=None)])
    ((_, caption),) = shown
    assert caption.startswith(
        "2 compiled components of 2 arms, in the bucket 1f: they took 7.5 s; "
    )
    assert caption.endswith("the longest, text_encoder for b, 4.5 s. A diamond is a forecast.")


def test_nothing_is_drawn_where_nothing_was_recorded_or_compiled(monkeypatch):
    """No rows, or only one that failed."""
    shown = displayed(monkeypatch)
    for rows in ([], [failed_row("a")]):
        draw_megabytes(rows)
        draw_seconds(rows)
    assert shown == []
