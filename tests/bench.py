"""What the kit itself costs on this machine: `make bench`. Writes results/bench/records/bench.jsonl."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from blipkit import Bucket, isolate, load_checkpoint, machine, trace
from blipkit.params import ROOT
from blipkit.records import Results
from blipkit.runners import load_artifact


def help_seconds(times: int = 7) -> float:
    """Median wall time of `blipkit --help`, a fresh process each."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "blipkit", "--help"], capture_output=True, check=True)
        taken.append(time.perf_counter() - start)
    return median(taken)


def null_call_us(calls: int = 20_000) -> float:
    """Median time of one call through the harness around a component that does nothing."""
    components, bucket = isolate(load_checkpoint("builtin:tiny-pets")), Bucket()
    with tempfile.TemporaryDirectory() as folder:
        artifact = next(a for a in trace(components, folder, "null", shapes=bucket) if a.component == "text_encoder")
        loaded = load_artifact(artifact, components["text_encoder"])
    inputs, taken = loaded.component.example_inputs(bucket), []
    for _ in range(calls):
        start = time.perf_counter()
        loaded(*inputs)
        taken.append(time.perf_counter() - start)
    return median(taken) * 1e6


if __name__ == "__main__":
    folder = ROOT / "results" / "bench"
    row = {"help_seconds": round(help_seconds(), 3), "null_call_us": round(null_call_us(), 2)}
    Results(folder, profile="bench").write("bench", [row])
    (Path(folder) / "environment.json").write_text(json.dumps(machine.describe(), indent=2) + "\n")
    print(row)
