"""Results folders as a test needs them, without a run."""

import json
from pathlib import Path

import yaml

from blipkit.arrivals.rows import RateRow
from blipkit.cost.dollars import answer_cost
from blipkit.cost.knobs import Cost
from blipkit.cost.rows import Choices, Conditions, CostRow, MeasuredSetting, PriceBasis
from blipkit.cost.systems import System
from blipkit.load import conditions as load_conditions
from blipkit.profiles.common import Common
from blipkit.profiles.profile import Profile
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.typed import records_of
from blipkit.records.writing import json_text
from blipkit.statistics import UNKNOWN, Interval
from blipkit.study import Study

WHOLE = Conditions(
    weights_digest="w1",
    pixel_digest="p1",
    frames_digest="f1",
    transformers="5.23.0",
    questions=["is the dog barking?"],
    call="pipeline",
    think_ms=0.0,
    repeat_share=0.0,
    percentile=90.0,
    latency_limit_ms=250.0,
    parity_limits={"flip_limit": 0.02},
)
BASIS = PriceBasis("us-east-1", "on_demand", "measured", "m7i.large", "2026-07-20")


def make(
    folder: Path,
    gates=(),
    load=(),
    cost=(),
    rates=(),
    schema=1,
    ended="ran",
    profile="p",
    machine="m",
    versions=(),
    **sections,
) -> Path:
    """A results folder with these typed rows; a gate is a Gate or a (name, status) of kind answer; sections: of the profile."""
    gates = [
        vars(gate if isinstance(gate, Gate) else Gate(gate[0], "answer", gate[1])) for gate in gates
    ]
    (folder / "records").mkdir(parents=True)
    common = {"schema": schema, "weights_digest": "w1", "pixel_digest": "p1", "machine": machine}
    common |= {"profile": profile, "versions": {"transformers": "5.23.0"}}
    kinds = {"gates_03_parity": gates, "concurrency": records_of(load), "cost": records_of(cost)}
    if rates:
        kinds["rates"] = records_of(rates)
    for kind, rows in kinds.items():
        lines = [json_text({**common, **row}) for row in rows]
        (folder / f"records/{kind}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "run.json").write_text(
        json.dumps({"profile": profile, "notebooks": {"03_parity": {"status": ended}}})
    )
    environment = {
        "name": machine,
        "git_commit": "c1",
        "versions": {"torch": "2.13", "blipkit": "0.1.0", **dict(versions)},
    }
    (folder / "environment.json").write_text(json.dumps(environment))
    (folder / "profile.yaml").write_text(yaml.safe_dump(sections))
    return folder


def cost_row(
    answers: float = 100.0,
    usd: float = 1.0,
    low: float | None = None,
    high: float | None = None,
    requests: float | None = None,
    **fields,
) -> CostRow:
    """A setting as 05 prices it, at so many USD an hour; without an interval, unless given one; fields: of it or of its price."""
    throughput = Interval(
        answers, answers if low is None else low, answers if high is None else high
    )
    setting = {
        "arm": "a",
        "servers": 2,
        "clients": 4,
        "answers_per_s": throughput,
        "requests_per_s": throughput if requests is None else Interval(*[requests] * 3),
        "within_target": 1.0,
        "state": "stable",
        "seconds": 10.0,
        "best": False,
    }
    price = dict(vars(BASIS))
    for name, value in fields.items():
        (price if name in price else setting)[name] = value
    own = {name: setting.pop(name, None) for name in ("choices", "checkpoint")}
    conditions = setting.pop("conditions", WHOLE)
    measured = MeasuredSetting(**setting)
    cost = answer_cost(measured, usd)
    return CostRow(
        **vars(measured),
        price=PriceBasis(**price),
        cost=cost,
        conditions=conditions,
        choices=own["choices"],
        checkpoint=own["checkpoint"] or "",
    )


def rate_row(per_s=50.0, low=48.0, high=52.0, answers=1, **fields) -> RateRow:
    """The rate of Poisson arrivals that 08 found for `cost_row`'s setting, in requests/s; answers: of one request; fields: of it or of its conditions."""
    conditions = {
        "distinct_frames": 16,
        "seconds": 1.0,
        "latency_limit_ms": WHOLE.latency_limit_ms,
        "think_ms": WHOLE.think_ms,
        "repeat_share": WHOLE.repeat_share,
        "warmup": 0.3,
        "shared": False,
        "batch_wait_ms": 0.0,
        "questions": WHOLE.questions,
        "buckets": [],
        "frames_digest": WHOLE.frames_digest,
        "batch_sizes": [1],
    }
    row = {
        "setting": "2-4",
        "arm": "a",
        "call": WHOLE.call,
        "placement": "threads",
        "servers": 2,
        "batch_size": 1,
        "pattern": "poisson",
        "percentile": WHOLE.percentile,
        "limit_ms": WHOLE.latency_limit_ms,
        "latency_ms": UNKNOWN,
        "edge": "smooth",
        "runs": 8,
        "closed_loop_per_s": 100.0,
        "closed_loop_from": "recommended by 04 in this results folder",
        "share_of_closed_loop": 0.5,
        "state": "stable",
        "reason": "",
    }
    for name, value in fields.items():
        (conditions if name in conditions else row)[name] = value
    asked = load_conditions.Conditions(**conditions)
    rate = Interval(per_s, low, high)
    return RateRow(conditions=asked, rate_per_s=rate, answers_per_request=answers, **row)


ARMS = {"neuron": "neuron matmult bf16", "cuda": "torchscript float16 cuda"}  # of a system


def system(
    kind: str, answers: float = 300.0, wide: float = 0.02, gaps=(), usd=None, **fields
) -> System:
    """An Inf2 or a GPU machine at its best setting, with an interval so many times as wide as it; fields: of its `cost_row`."""
    instance, usual, profile = {
        "neuron": ("inf2.xlarge", 0.7582, "inf2"),
        "cuda": ("g5.xlarge", 1.006, "gpu"),
    }[kind]
    fields = {"arm": ARMS[kind], "instance": instance, **fields}
    low, high = answers * (1 - wide), answers * (1 + wide)
    row = cost_row(answers, usd or usual, low, high, **fields)
    return System(
        machine=f"{kind} machine",
        profile=profile,
        kind=kind,
        folder=f"results/{profile}",
        setting="2-4",
        choices=(row.choices or Choices()).in_words(),
        latency="p90 not known",
        row=row,
        gaps=list(gaps),
        gap=next((gap.reason for gap in gaps), ""),
    )


def study_of(folder: Path, replay: str = "", **knobs) -> Study:
    """The study of 05 on a results folder, with these knobs of the section `cost`."""
    results = Results(folder, "05_cost", "p", replay)
    return Study(
        "05_cost", Common(), Cost(**knobs), results, replay, None, Profile("p", {"cost": knobs})
    )
