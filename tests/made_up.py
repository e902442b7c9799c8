"""Results folders as a test needs them, without a run."""

import json
from pathlib import Path

import yaml

from blipkit.records import Gate


def make(
    folder: Path, gates=(), load=(), cost=(), schema=1, ended="ran", profile="p", machine="m", versions=(), **sections
) -> Path:
    """A results folder with these rows; a gate is a Gate or a (name, status) of kind answer; sections: of the profile."""
    gates = [vars(gate if isinstance(gate, Gate) else Gate(gate[0], "answer", gate[1])) for gate in gates]
    (folder / "records").mkdir(parents=True)
    for kind, rows in (("gates_03_parity", gates), ("concurrency", load), ("cost", cost)):
        lines = [json.dumps({"schema": schema, "weights_digest": "w1", **row}) for row in rows]
        (folder / f"records/{kind}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "run.json").write_text(json.dumps({"profile": profile, "notebooks": {"03_parity": {"status": ended}}}))
    about = {"name": machine, "git_commit": "c1", "versions": {"torch": "2.13", "blipkit": "0.1.0", **dict(versions)}}
    (folder / "environment.json").write_text(json.dumps(about))
    (folder / "profile.yaml").write_text(yaml.safe_dump(sections))
    return folder
