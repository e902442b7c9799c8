"""With a limit every client gets its turn, and what they got is said; chapter 04's tests have the rest."""

import random
import types
from collections import Counter
from functools import partial

import pandas
import pytest
from load_rows import admitted, cell, changed, run_counts
from studies import study_of
from virtual import drive

from blipkit.load.admission import PAUSE, answers_per_client, limited_run
from blipkit.load.clients import RETRY_S, pause_before_next
from blipkit.load.gates import admission_gate
from blipkit.load.rows import FAIR
from blipkit.load.runs import Run, criteria_of
from blipkit.load.setting_requests import SettingRequests
from blipkit.serving.scheduler import Dispatcher

PLACES = [(1, 1), (1, 4), (2, 2), (2, 8), (4, 8)]  # servers, and requests in flight at most


def crowd(servers: int, limit: int, service_s: float, think_s: float, seed: int):
    """Twice as many clients as places ask on the virtual clock, by the clients' own rule, until each has had 20 answers on average.

    Answers of each client, and the share of the servers' time that they took.
    """
    rng = random.Random(seed)
    end_s = 20 * 2 * limit * service_s / servers
    rows = drive(
        Dispatcher(servers, limit),
        [0.0] * (2 * limit),
        lambda: service_s * rng.uniform(0.9, 1.1),
        partial(pause_before_next, rng, think_s, refused=False),
        end_s=end_s,
        retry=partial(pause_before_next, rng, think_s, refused=True),
    )
    answered = Counter(row.client for row in rows if row.started is not None)
    busy = answered.total() * service_s / servers / end_s
    return [answered[client] for client in range(2 * limit)], busy


@pytest.mark.parametrize("service_s", [0.001, 0.02, 20.0])
@pytest.mark.parametrize(("servers", "limit"), PLACES)
def test_no_client_gets_less_than_half_of_the_mean(servers, limit, service_s):
    """Whatever a model takes, on five seeds; and the servers stay as good as full."""
    think_s = PAUSE * service_s * limit / servers
    for seed in range(5):
        answers, busy = crowd(servers, limit, service_s, think_s, seed)
        assert min(answers) >= FAIR * sum(answers) / len(answers)
        assert busy > 0.85


def test_clients_that_do_not_pause_keep_the_others_out():
    """Those answered are there again before anybody who was refused: a fixed pause for these alone is no turn."""
    assert RETRY_S > 0.02
    answers, _ = crowd(2, 4, 0.02, 0.0, seed=1)
    assert min(answers) == 0 and max(answers) >= 30


def test_unfair_turns_are_said_in_the_gate_s_reason():
    """3 answers against 28; fair ones are said, too, and an older kit's row says nothing."""
    row = admitted(190, 35, refused=120, requests=120)
    unfair = admission_gate(changed(row, fewest_answers=3, most_answers=28), 40, False).reason
    assert "answers per client: 3 to 28, which are no fair turns (15 on average)" in unfair
    fair = admission_gate(changed(row, fewest_answers=12, most_answers=19), 40, False).reason
    assert "answers per client: 12 to 19; p99" in fair
    gate = admission_gate(row, 40, False)
    assert "per client" not in gate.reason
    assert (gate.limit, gate.unit) == (40, "ms, p99 of those admitted")


def test_every_client_is_counted_also_one_without_an_answer():
    """Two clients of three were answered in the measured time; what came in the warm-up does not count."""
    columns = {"client": [0, 0, 1, 2], "scheduled": [0.1, 0.2, 0.3, -0.1], "run": 0}
    requests = pandas.DataFrame(columns).assign(status="answered")
    assert answers_per_client(SettingRequests(requests, [run_counts(4, 1.0)]), 3) == [2, 1, 0]


def test_a_run_with_a_limit_is_judged_as_any_other_with_the_pause_that_it_had(tmp_path):
    """By the study's questions, percentile and target; its clients pause as long as they think, or longer."""
    knobs = {"latency_limit_ms": 40.0, "percentile": 99.0, "think_ms": 1.0}
    checkpoint = types.SimpleNamespace(provenance=dict)
    study = study_of("04_concurrency", tmp_path, checkpoint, knobs=knobs)
    best = cell(2, 4, 100, 30)  # its requests take 40 ms on average
    run = limited_run(study, best)
    assert (run.setting.clients, run.limit, run.pause_s) == (8, 4, pytest.approx(0.01))
    limited, plain = criteria_of(study, run), criteria_of(study, Run(best.setting, 0))
    assert (limited.limit_ms, limited.percentile, limited.clients) == (40.0, 99.0, 8)
    assert (limited.think_s, plain.think_s, plain.clients) == (run.pause_s, 0.001, 4)
    assert limited.questions == plain.questions == len(study.common.questions)
    knobs["think_ms"] = 500.0
    slow = study_of("04_concurrency", tmp_path, checkpoint, knobs=knobs)
    assert limited_run(slow, best).pause_s == 0.5
