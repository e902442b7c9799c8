"""What 08 rests on: 04's recommended setting with its figures, or else what 04's knobs name."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from studies import study_of
from virtual_arrivals import Machine

from blipkit.arrivals.basis import (
    FROM_04,
    as_04,
    closed_loop_rows,
    knobs_setting,
    measured_basis,
    preprocessing_ms,
    recommended,
    recorded_basis,
)
from blipkit.errors import NotMeasured
from blipkit.load.conditions import conditions_of
from blipkit.load.setting import Setting
from blipkit.records.gates import Gate

ARM = "torchscript float32"


def row(servers, clients, per_s, best=False, state="stable", batch_size=1, service_ms=20.0) -> dict:
    """As 04 records it, as far as 08 reads it."""
    setting = Setting(ARM, "pipeline", "threads", servers, clients, batch_size)
    return {
        **vars(setting),
        "setting": f"{servers}-{clients}",
        "requests_per_s": per_s,
        "requests_per_s_low": per_s,
        "requests_per_s_high": per_s,
        "service_ms": service_ms,
        "state": state,
        "best": best,
    }


GRID = [row(1, 1, 45), row(2, 2, 80, best=True), row(2, 4, 90), row(2, 8, 500, state="INVALID")]


@pytest.fixture
def study(small, tmp_path):
    def study(rows):
        made = study_of("04_concurrency", tmp_path, small)
        made.results.write("concurrency", rows)
        return study_of("08_arrivals", tmp_path, small)

    return study


def basis(study):
    rows = closed_loop_rows(study)
    best = next(one for one in rows if one.best)
    return recorded_basis(best, rows, conditions_of(as_04(study), ""))


def test_where_04_recommends_a_setting_it_is_asked(study):
    """With the most that any clients of as many servers reached, and the service time of one that is alone."""
    found = basis(study(GRID))
    assert (found.setting.servers, found.closed_loop_per_s, found.service_ms) == (2, 90, 20.0)
    assert found.source == FROM_04 and "90.0 requests/s at most where clients wait" in str(found)


def test_what_preprocessing_takes_is_that_of_the_same_call_without_a_model(study):
    """04's row with a runner that does nothing, not the harness's nor the one from JPEGs; None without it."""
    null = {"arm": "null float32", "setting": None, "service_ms": 1.25, "call": "pipeline"}
    others = [
        null | {"call": call, "service_ms": 9.0} for call in ("nothing", "pipeline from JPEG")
    ]
    assert preprocessing_ms(study([*GRID, *others, null]), "pipeline") == 1.25
    assert preprocessing_ms(study(GRID), "pipeline") is None


def test_of_several_arms_the_one_to_go_by_is_asked(study):
    """Not the first that is named, which people may leave as it is: the fastest whose answers hold."""
    names = ("eager float32", "torchscript float16", "torchscript bfloat16")
    rows = [
        {**row(2, 2, per_s, best=True), "arm": arm}
        for arm, per_s in zip(names, (20, 50, 60), strict=True)
    ]
    recorded = closed_loop_rows(study(rows))
    flipped = [Gate("decisions torchscript bfloat16", "answer", "FAIL")]
    assert recommended(recorded, []).setting.arm == "torchscript bfloat16"
    assert recommended(recorded, flipped).setting.arm == "torchscript float16"
    assert recommended(recorded[:1], []).setting.arm == "eager float32"
    assert recommended([], []) is None


def test_what_was_recorded_of_another_checkpoint_is_not_taken(study, checkpoint_folders, tmp_path):
    """Its speed is another one's."""
    from blipkit import load_checkpoint

    study(GRID)
    other = study_of("08_arrivals", tmp_path, load_checkpoint(str(checkpoint_folders["wide"])))
    assert closed_loop_rows(other) == []


@pytest.mark.parametrize(
    "rows",
    [
        [row(1, 1, 45, state="INVALID"), row(2, 2, 80, best=True)],
        [row(2, 2, 80, best=True)],
        [row(1, 1, 45, service_ms=None), row(2, 2, 80, best=True)],
    ],
    ids=["doubtful", "never alone", "nothing served"],
)
def test_without_a_service_time_04_says_too_little(study, rows):
    """Then this chapter measures by itself."""
    assert basis(study(rows)) is None


def test_what_was_asked_otherwise_is_not_taken(study):
    """More questions about a frame take longer; an older kit's row does not say what was asked."""
    made = study(GRID[:1])
    asked = conditions_of(as_04(made), "")
    (row,) = closed_loop_rows(made)
    assert row.is_asked_like(asked)
    assert replace(row, questions=asked.questions).is_asked_like(asked)
    assert not replace(row, questions=asked.questions[:1]).is_asked_like(asked)
    assert not replace(row, batch_wait_ms=50.0).is_asked_like(asked)


def test_servers_slower_than_the_measured_time_say_what_to_do(small, tmp_path):
    """Each request takes 3 s of 2 s: no rate of zero, from which nothing could begin."""
    made = study_of("04_concurrency", tmp_path, small)

    class Slow:
        study = made

        def measure(self, run):
            return Machine(service_s=3.0).closed_loop(
                None, run.setting, SimpleNamespace(seconds=2.0), None
            )

    with pytest.raises(
        NotMeasured, match=r"took .* s on average, and 2 s .* concurrency.seconds to"
    ):
        measured_basis(Slow(), None)


def test_the_knobs_name_the_largest_setting(small, tmp_path):
    """The most servers and the largest batch, with clients enough to keep them busy."""
    made = study_of("08_arrivals", tmp_path, small)
    setting = knobs_setting(as_04(made))
    assert (setting.servers, setting.batch_size, setting.clients) == (2, 1, 4)
    assert setting.arm == made.common.arms[0]
