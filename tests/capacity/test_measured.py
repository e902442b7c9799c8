"""The machine of a fleet is the one that 04 recommends, with its own requests; others are refused."""

import re
from dataclasses import replace

import numpy as np
import pytest
from made_fleet import (
    ARM,
    ASKED,
    LIMIT_MS,
    PERCENTILE,
    measured_folder,
    requests_of,
    service_of,
    setting_of,
)

from blipkit.arrivals.rows import RateRow
from blipkit.capacity.calibration import calibration_rows
from blipkit.capacity.measured import (
    CLOSED_LOOP,
    OPEN_LOOP,
    check_load,
    measured_machine,
)
from blipkit.capacity.measured import (
    service_of as times_of,
)
from blipkit.capacity.stations import Service
from blipkit.errors import BadInput, NotMeasured
from blipkit.load.conditions import Conditions
from blipkit.load.setting import Setting
from blipkit.records.results import Results
from blipkit.records.typed import record_of
from blipkit.statistics import Interval


def test_it_is_the_recommended_setting_with_its_own_times(tmp_path):
    """Four clients on two servers; services and overheads are those of the requests."""
    machine = measured_machine(Results(measured_folder(tmp_path)))
    assert machine.setting.clients == 4 and machine.carried_from == CLOSED_LOOP
    assert machine.carried_per_s == machine.setting.requests_per_s
    made = service_of()
    assert np.allclose(np.sort(machine.service.service_s), np.sort(made.service_s))
    assert machine.station(32).room == 34


def test_warm_up_and_refusals_are_no_samples():
    """Only what was answered in the measured time."""
    requests = requests_of(service_of())
    requests.loc[0, "scheduled"] = -1.0
    requests.loc[1, "status"] = "refused"
    assert len(times_of(requests).service_s) == len(requests) - 2


QUESTIONS = ASKED["questions"]
OWN = {
    "checkpoint": "a hub's",
    "questions": QUESTIONS,
    "percentile": PERCENTILE,
    "latency_limit_ms": LIMIT_MS,
}
RATE = RateRow(
    conditions=Conditions(16, 15.0, 2000.0, 0.0, 0.0, 1.0, False, 0.0, QUESTIONS, [], "f1"),
    setting="2-4",
    arm=ARM,
    call="pipeline",
    placement="threads",
    servers=2,
    batch_size=1,
    pattern="poisson",
    percentile=90.0,
    limit_ms=2000.0,
    rate_per_s=Interval(3.1, 3.0, 3.2),
    latency_ms=Interval(1900.0),
    edge="cliff",
    runs=9,
    closed_loop_per_s=4.0,
    closed_loop_from="04",
    share_of_closed_loop=0.8,
    answers_per_request=1,
    state="stable",
    reason="",
)


def with_rate(folder, weights="w1", **changes):
    """The folder with a record of 08."""
    record = record_of(replace(RATE, **changes))
    Results(folder, "08_arrivals", "made", weights_digest=weights).write("rates", [record])
    return folder


def test_the_rate_of_arrivals_that_do_not_wait_comes_first(tmp_path):
    """08's, of the same arm, placement and servers."""
    machine = measured_machine(Results(with_rate(measured_folder(tmp_path))))
    assert machine.carried_from == OPEN_LOOP and machine.carried_per_s.value == 3.1


def test_a_rate_that_was_doubted_says_so(tmp_path):
    """It is taken, and what is made of it says what it was; 04's own state is no praise of it."""
    machine = measured_machine(Results(with_rate(measured_folder(tmp_path), state="unstable")))
    assert machine.carried_state == "unstable" and machine.setting.state == "stable"
    assert "08's rate was unstable" in machine.caption


OTHERS = [
    {"servers": 1},
    {"pattern": "fixed"},
    {"state": "INVALID"},
    {"limit_ms": 100.0},
    {"weights": "w2"},
    {"rate_per_s": Interval(3.1)},
]


@pytest.mark.parametrize("change", OTHERS)
def test_another_rate_is_not_taken(tmp_path, change):
    """Of other servers, weights or targets, no Poisson process, or that nobody is sure of."""
    machine = measured_machine(Results(with_rate(measured_folder(tmp_path), **change)))
    assert machine.carried_from == CLOSED_LOOP


def test_without_the_requests_nothing_is_simulated(tmp_path):
    """Records without samples: NotMeasured, and what to run."""
    folder = measured_folder(tmp_path)
    for path in folder.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(NotMeasured, match="no requests of setting 2-4; run 04_concurrency again"):
        measured_machine(Results(folder))


def test_of_several_arms_the_one_whose_answers_hold_is_taken(tmp_path):
    """The fastest, until 03 has shown that its answers are others."""
    service = service_of()
    other = setting_of(4, service, True, arm="eager float32", requests_per_s=Interval(1.0))
    folder = measured_folder(tmp_path, settings=[other, setting_of(4, service, True)])
    results = Results(folder)
    assert measured_machine(results).setting.arm == ARM
    gates = [{"gate": f"decisions {ARM}", "kind": "answer", "status": "FAIL"}]
    Results(folder, "03_parity", "made").write("gates_03_parity", gates)
    assert measured_machine(results).setting.arm == "eager float32"


def test_where_a_batch_is_recommended_the_best_without_is_taken(tmp_path):
    """By 04's own rule, among those that were measured one by one."""
    service = service_of()
    rows = [setting_of(count, service, False) for count in (1, 4)]
    batch = setting_of(8, service, True, batch_size=8)
    machine = measured_machine(Results(measured_folder(tmp_path, settings=[*rows, batch])))
    assert (machine.setting.clients, machine.setting.batch_size) == (4, 1)


def test_a_setting_that_left_servers_idle_lends_its_place_and_not_its_times(tmp_path):
    """One client is recommended for two servers: the times are those of two, who slowed each other down."""
    service = service_of()
    rows = [setting_of(count, service, count == 1) for count in (1, 2, 4)]
    folder = measured_folder(tmp_path, settings=rows)
    slower = Service(service.service_s * 1.3, service.overhead_s)
    asked = Setting(ARM, "pipeline", "threads", 2, 2)
    Results(folder).write_samples(asked.samples_name(0), requests_of(slower))
    machine = measured_machine(Results(folder))
    assert machine.setting.clients == 1 and machine.busy.clients == 2
    assert machine.service.service_s.mean() == pytest.approx(1.3 * service.service_s.mean())
    assert machine.title.endswith("setting 2-1, times of 2-2")
    predicted = calibration_rows(machine, rows)
    assert [row.clients for row in predicted] == [1, 4]


def test_without_a_trusted_setting_that_kept_all_servers_busy_its_own_times_say_so(tmp_path):
    """Two clients were unstable, on a machine of our own."""
    service = service_of()
    rows = [setting_of(1, service, True), setting_of(2, service, False, state="unstable")]
    machine = measured_machine(Results(measured_folder(tmp_path, settings=rows)))
    assert machine.busy.clients == 1 and "servers were never all busy in 04" in machine.caption


def test_a_doubtful_machine_says_so(tmp_path):
    """Of a demonstration model, and unstable on a shared machine."""
    rows = [setting_of(4, service_of(), False, state="unstable")]
    folder = measured_folder(
        tmp_path, settings=rows, asked={"shared": True}, checkpoint="builtin:tiny-pets"
    )
    caption = measured_machine(Results(folder)).caption
    assert "a demonstration model: not BLIP's figures, 04 was unstable" in caption


def test_a_folder_of_another_checkpoint_is_refused(tmp_path):
    """Before anything runs, and so is one without records."""
    folder = measured_folder(tmp_path)
    check_load(Results(folder), OWN)
    with pytest.raises(BadInput, match="of checkpoint \"a hub's\", the profile has 'another'"):
        check_load(Results(folder), {**OWN, "checkpoint": "another"})
    with pytest.raises(
        BadInput, match="04_concurrency first, or with it: blipkit run PROFILE --only"
    ):
        check_load(Results(tmp_path / "empty"), OWN)


def test_a_folder_whose_requests_asked_something_else_is_refused(tmp_path):
    """A fleet of requests with two questions is not sized by those with one; an older kit's say none."""
    more = [*QUESTIONS, "is the dog playing?"]
    folder = measured_folder(tmp_path / "one")
    with pytest.raises(BadInput, match="of questions .*barking.*, the profile has .*playing"):
        check_load(Results(folder), {**OWN, "questions": more})
    older = measured_folder(tmp_path / "older", asked={"questions": None})
    check_load(Results(older), {**OWN, "questions": more})


@pytest.mark.parametrize(("name", "value"), [("latency_limit_ms", 50.0), ("percentile", 99.0)])
def test_a_folder_that_was_judged_by_another_target_is_refused(tmp_path, name, value):
    """The fleet would be judged by the record's, whatever the profile says; an older kit's say none."""
    folder = measured_folder(tmp_path / "own")
    words = f"are of {name} {OWN[name]}, the profile has {value}; run 04_concurrency again"
    with pytest.raises(BadInput, match=re.escape(words)):
        check_load(Results(folder), {**OWN, name: value})
    older = measured_folder(tmp_path / "older", asked={name: None})
    check_load(Results(older), {**OWN, name: value})
