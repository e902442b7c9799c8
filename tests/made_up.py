"""Results folders as a test needs them, without a run."""

import json
from pathlib import Path

import yaml

from blipkit.cost.dollars import priced
from blipkit.cost.knobs import Cost
from blipkit.profiles.common import Common
from blipkit.profiles.profile import Profile
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.study import Study


def make(
    folder: Path,
    gates=(),
    load=(),
    cost=(),
    schema=1,
    ended="ran",
    profile="p",
    machine="m",
    versions=(),
    **sections,
) -> Path:
    """A results folder with these rows; a gate is a Gate or a (name, status) of kind answer; sections: of the profile."""
    gates = [
        vars(gate if isinstance(gate, Gate) else Gate(gate[0], "answer", gate[1])) for gate in gates
    ]
    (folder / "records").mkdir(parents=True)
    for kind, rows in (("gates_03_parity", gates), ("concurrency", load), ("cost", cost)):
        lines = [json.dumps({"schema": schema, "weights_digest": "w1", **row}) for row in rows]
        (folder / f"records/{kind}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "run.json").write_text(
        json.dumps({"profile": profile, "notebooks": {"03_parity": {"status": ended}}})
    )
    about = {
        "name": machine,
        "git_commit": "c1",
        "versions": {"torch": "2.13", "blipkit": "0.1.0", **dict(versions)},
    }
    (folder / "environment.json").write_text(json.dumps(about))
    (folder / "profile.yaml").write_text(yaml.safe_dump(sections))
    return folder


def priced_row(
    answers: float,
    usd: float,
    low=None,
    high=None,
    requests=None,
    within_target=1.0,
    seconds=10.0,
    **more,
) -> dict:
    """A record of kind `cost`, as 05 makes it of a row of 04, at so many USD an hour; without an interval, unless given one."""
    row = {"within_target": within_target, "seconds": seconds, "runs": 1}
    for end, rate in (("", answers), ("_low", low), ("_high", high)):
        row[f"answers_per_s{end}"] = answers if rate is None else rate
        row[f"requests_per_s{end}"] = row[f"answers_per_s{end}"] if requests is None else requests
    return {**row, **priced(row, usd), **more}


def system(
    kind: str, answers: float = 300.0, wide: float = 0.02, gaps=(), like=None, usd=None, **more
) -> dict:
    """A row of `systems`: an Inf2 or a GPU machine at its best setting, with an interval so many times as wide as it."""
    instance, usual, profile = {
        "neuron": ("inf2.xlarge", 0.7582, "inf2"),
        "cuda": ("g5.xlarge", 1.006, "gpu"),
    }[kind]
    about = {
        "kind": kind,
        "instance": instance,
        "machine": f"{kind} machine",
        "arm": f"arm of {kind}",
        "profile": profile,
    }
    about |= {
        "folder": f"results/{profile}",
        "gaps": list(gaps),
        "like": like or {},
        "setting": "2-4",
    }
    about |= {"placement": "threads", "servers": 2, "clients": 4}
    ends = {"low": answers * (1 - wide), "high": answers * (1 + wide)}
    return priced_row(answers, usd or usual, **ends, **{**about, **more})


def study_of(folder: Path, replay: str = "", **knobs) -> Study:
    """The study of 05 on a results folder, with these knobs of the section `cost`."""
    results = Results(folder, "05_cost", "p", replay)
    return Study(
        "05_cost", Common(), Cost(**knobs), results, replay, None, Profile("p", {"cost": knobs})
    )
