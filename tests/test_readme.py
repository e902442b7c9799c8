"""The README's figures are those of the published records, and its tables those of the files."""

import json
import re
from pathlib import Path

import yaml

from blipkit.cost.missing import FIRST_RUN_MIN
from blipkit.cost.prices import find_price, load_prices
from blipkit.display.tables import number
from blipkit.paths import PROFILES
from blipkit.profiles.sections import chapters
from blipkit.records.documents import read_machine
from blipkit.records.run_record import read_run
from blipkit.run.publish import PUBLISHED
from blipkit.runners.neuron.support import platform_facts, support_gate

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
INF2 = README.partition("## On an Inf2 instance")[2].partition("\n## ")[0]
BEGIN, END = (
    "<!-- figures: made from results/published by tests/test_readme.py -->\n",
    "<!-- end of figures -->",
)
FLEET_BEGIN, FLEET_END = (
    "<!-- fleet days: made from results/published by tests/test_readme.py -->\n",
    "<!-- end of fleet days -->",
)


def rows(folder: Path, kind: str) -> list[dict]:
    return [
        json.loads(line) for line in (folder / f"records/{kind}.jsonl").read_text().splitlines()
    ]


def spent(folder: Path) -> tuple[float, float]:
    """Seconds of all notebooks of a run, and the largest memory of one, GiB."""
    ended = read_run(folder).notebooks.values()
    return sum(one.seconds for one in ended), max(one.peak_memory_gib for one in ended)


def on_a_gpu() -> tuple[str, str]:
    """The last line of the table: the same model on the GPU that published `gpu-tiny`, in half precision, compiled."""
    (folder,) = PUBLISHED.glob("*/gpu-tiny")
    arm = "torchscript float16 cuda"
    name = read_machine(folder).name.partition(",")[0]
    gates = {g["gate"]: g for g in json.loads((folder / "verdict.json").read_text())["gates"]}
    error = number(gates[f"parity {arm} image_encoder"]["measured"])
    flips = gates[f"decisions {arm}"]["reason"].split("; ")[1]
    return f"on an {name}: `{arm}`", f"relative error {error} after the image encoder, {flips}"


def in_pairs(fresh: dict, forked: dict) -> str:
    """What a child costs, and that what it reports is the same: the mean over the turns of the bench."""
    start, compiled, served = (
        f"{fresh[key]:.{digits}f} and {forked[key]:.{digits}f}"
        for key, digits in (("start_s", 2), ("compile_s", 2), ("service_ms", 1))
    )
    return f"{start} s; compiling takes {compiled} s in them, a request {served} ms"


def later_chapters(full: Path) -> list[tuple[str, str]]:
    """A line for each of 08, 09 and 10, from the records of the profile `full`."""
    (rate,) = rows(full, "rates")
    held, missed = rate["rate_per_s_low"], rate["rate_per_s_high"]
    phases = rows(full, "service")
    sent, switches, failed, lost, double = (
        sum(phase[name] for phase in phases)
        for name in ("sent", "switches", "failed", "lost", "double")
    )
    day = next(row for row in rows(full, "capacity") if row["best"])
    gates = {g["gate"]: g for g in json.loads((full / "verdict.json").read_text())["gates"]}
    calibration = gates["fleet calibration"]["status"]
    return [
        (
            f"arrivals that do not wait, the rate that holds p{rate['percentile']:g} within {rate['limit_ms']:g} ms",
            f"{rate['rate_per_s']:.0f} requests/s by the fit; last pass {held:.0f}, first fail {missed:.0f}; {rate['state']}",
        ),
        (
            "two tiers, switched while requests arrive, stand-ins on loopback",
            f"{sent} requests, {switches} switches: {failed} failed, {lost} lost, {double} with two outcomes",
        ),
        (
            f"a simulated day of {day['cameras']:,} cameras of the demonstration model",
            f"{day['machine_hours'] / 24:.1f} machines on average, {day['peak_machines']} at most, {day['usd_per_month']:.0f} USD a month; a forecast, its calibration {calibration}",
        ),
    ]


def figures() -> str:
    """The table of the first screen, from the records of the machine that published the profile `tiny`."""
    (tiny,) = PUBLISHED.glob("*/tiny")
    gates = {g["gate"]: g for g in json.loads((tiny / "verdict.json").read_text())["gates"]}
    best = next(row for row in rows(tiny, "concurrency") if row["best"])
    cost = next(row for row in rows(tiny, "cost") if row["best"])
    bench = rows(tiny.parent / "bench", "bench")[0]
    one, eight = rows(tiny.parent / "bench", "load")[:2]
    echo = rows(tiny.parent / "bench", "echo")[0]
    seconds, peak = spent(tiny)
    flips, forecast = (
        gates[f"decisions {arm}"]["reason"].split("; ")[1]
        for arm in ("torchscript bfloat16", "neuron_emulated matmult bf16")
    )
    dry = tiny.parent / "inf2-dry"
    lowered = rows(dry, "lowering")
    lowers, error = (
        sum(row["status"] == "PASS" for row in lowered),
        max(row["relative_l2"] for row in lowered),
    )
    dry_seconds, dry_peak = spent(dry)
    lines = [
        ("notebooks 00-05, set-up done", f"{seconds:.0f} s, at most {peak:.1f} GiB of memory"),
        ("tiny-pets on synthetic scenes", f"{gates['accuracy']['reason']}"),
        (
            "compiled float32 against the model in float64",
            f"relative error {number(gates['parity torchscript float32 text_decoder']['measured'])}, 0 answers of 1200 flip",
        ),
        (
            "compiled bfloat16",
            f"relative error {number(gates['parity torchscript bfloat16 image_encoder']['measured'])} after the image encoder, {flips}",
        ),
        (
            "neuronx-cc's cast `matmult bf16`, emulated",
            f"relative error {number(gates['parity neuron_emulated matmult bf16 image_encoder']['measured'])} after the image encoder, {forecast}",
        ),
        (
            "BLIP-base's three components (`inf2-dry`)",
            f"{lowers} lower with torch-xla {lowered[0]['stack']['torch-xla']}, off by at most {error:.0e} there; {dry_seconds:.0f} s, {dry_peak:.1f} GiB",
        ),
        (
            "best setting under load",
            f"{best['servers']} servers, {best['clients']} clients: {best['answers_per_s']:.0f} answers/s, p{best['percentile']:g} {best['latency_ms']:.0f} ms",
        ),
        (
            f"a million good answers, priced as {cost['instance']}",
            f"{cost['usd_per_million']:.3f} USD (prices of {cost['price_as_of']})",
        ),
        (
            "`blipkit --help`; a call through the harness",
            f"{bench['help_seconds']:.2f} s; {bench['null_call_us']:.0f} µs",
        ),
        (
            "a request through queue and sockets alone",
            f"{one['p50_us']:.0f} µs with one client (a bare echo: {echo['echo_us']:.0f} µs); {eight['requests_per_s']:.0f} requests/s with eight, {eight['cpu_us']:.0f} µs of CPU each",
        ),
    ]
    fresh, forked = rows(tiny.parent / "bench", "children")
    lines.append(("a child process with torch, started fresh; forked", in_pairs(fresh, forked)))
    lines += later_chapters(tiny.parent / "full")
    lines += two_tiers(tiny.parent / "bench-service")
    lines.append(on_a_gpu())
    table = "".join(f"| {what} | {seen} |\n" for what, seen in lines)
    return f"| what | seen on {read_machine(tiny).name} |\n|---|---|\n{table}"


def two_tiers(bench: Path) -> list[tuple[str, str]]:
    """What the API and inference tier add to a request, and what a hundred switches did to 40,000, from `bench-service`."""
    ms = {row["way"]: row["mean_ms"] for row in rows(bench, "hops")}
    on_ray = "both tiers, inference on Ray"
    fast, default = (ms[f"{on_ray}, {how}"] for how in ("its settings for throughput", "as it is"))
    (row,) = rows(bench, "switches")
    return [
        (
            "what API and inference tier add to a request, one client",
            f"{ms['both tiers']:.1f} ms; the latter on Ray Serve {fast:.1f} ms, without its settings for throughput {default:.1f} ms",
        ),
        (
            f"{row['switches']} switches under load, stand-ins on loopback, a backend killed in {row['killed']} of them",
            f"{row['sent']:,} requests: {row['failed']} failed, {row['lost']} lost, {row['double']} with two outcomes; "
            f"upper 95 % bounds {number(row['request_below'])} a request, {number(row['switch_below'])} a switch",
        ),
    ]


def fleet_days(bench: Path) -> str:
    """The table of how long a simulated day of a fleet takes; empty where the bench has none."""
    if not (bench / "records/fleet_days.jsonl").is_file():
        return ""
    seen = f"on one core of {read_machine(bench).name}"
    lines = [f"| a day of 300,000 cameras with | requests | {seen} | memory |", "|---|---|---|---|"]
    for row in rows(bench, "fleet_days"):
        assert row["cameras"] == 300_000
        what = f"{row['events_per_day']:g} events each | {row['requests']:,}"
        lines.append(f"| {what} | {row['wall_s']:.1f} s | {row['peak_mib']:,} MiB |")
    return "".join(f"{line}\n" for line in lines)


def added_up(chapter: str, instance: str) -> tuple[int, float]:
    """Minutes and USD of the steps of a chapter, whose rows and sum have the committed price."""
    hourly = find_price(load_prices(), instance, "us-east-1").usd_per_hour
    steps = re.findall(r"^\| .*? \| (\d+) \| (\d+\.\d\d) \|", chapter, re.M)
    assert len(steps) == 7
    for minutes, usd in steps:
        assert usd == f"{int(minutes) / 60 * hourly:.2f}"
    minutes = sum(int(minutes) for minutes, _ in steps)
    usd = minutes / 60 * hourly
    assert f"That is {minutes} minutes, or {usd:.2f} USD" in chapter
    return minutes, usd


def test_the_readme_shows_the_published_figures():
    """Nothing on the first screen was typed by hand."""
    assert README.partition(BEGIN)[2].partition(END)[0] == figures(), (
        f"README should read:\n{figures()}"
    )


def test_the_readme_shows_how_long_a_fleets_day_takes():
    """Of the machine that published the profile `tiny`; nothing where its bench has no such days."""
    (tiny,) = PUBLISHED.glob("*/tiny")
    made = fleet_days(tiny.parent / "bench")
    assert README.partition(FLEET_BEGIN)[2].partition(FLEET_END)[0] == made, (
        f"README should have:\n{FLEET_BEGIN}{made}{FLEET_END}"
    )


def test_a_table_of_fleet_days_is_made_from_their_records(tmp_path):
    """A line for each number of events, in the order of the records; none without any."""
    assert fleet_days(tmp_path) == ""
    day = {"cameras": 300_000, "requests": 7_200_410, "wall_s": 1.04, "cpu_s": 1.0, "peak_mib": 301}
    (tmp_path / "records").mkdir()
    lines = [json.dumps({**day, "events_per_day": events}) for events in (24.0, 96.0)]
    (tmp_path / "records/fleet_days.jsonl").write_text("\n".join(lines))
    (tiny,) = PUBLISHED.glob("*/tiny")
    (tmp_path / "environment.json").write_text((tiny / "environment.json").read_text())
    made = fleet_days(tmp_path)
    assert "| 24 events each | 7,200,410 | 1.0 s | 301 MiB |\n| 96 events each |" in made
    assert read_machine(tmp_path).name in made.partition("\n")[0]


def test_the_flip_count_is_the_records():
    """The sentence about float32 is true of the record: none of its answers flipped."""
    (tiny,) = PUBLISHED.glob("*/tiny")
    own = next(row for row in rows(tiny, "decisions") if row["arm"] == "torchscript float32")
    assert own["ranked_answers"] == 1200 and own["ranked_flips"] == 0


def test_every_notebook_and_profile_has_its_line():
    """The README's tables name what is there."""
    assert set(re.findall(r"\]\(notebooks/(\w+)\.ipynb\)", README)) == set(chapters())
    assert set(re.findall(r"^\| `([\w-]+)` \|", README, re.M)) == {
        path.stem for path in PROFILES.glob("*.yaml")
    }


def test_links_lead_somewhere():
    """Every relative link of the documents exists."""
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), (name, target)


def test_the_pythons_example_runs(tmp_path, monkeypatch):
    """The README's Python block works as it stands."""
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    exec(re.search(r"```python\n(.*?)```", README, re.S)[1], namespace)
    assert namespace["answers"][0][0].text in ("yes", "no")
    assert type(namespace["model"]).__name__ == "BlipForQuestionAnswering"


def test_the_inf2_steps_add_up():
    """The forecast of a run is the sum of its steps, each at the committed price, and its profile's line has the same number.

    It stays within two dollars: machines are paid by the second, so that a full hour means nothing.
    """
    minutes, usd = added_up(INF2, "inf2.xlarge")
    assert minutes == FIRST_RUN_MIN["inf2"]  # as the report has it
    assert (
        usd <= 2 and f"two arms under load; not yet run | {minutes} minutes, forecast |" in README
    )


def test_the_gpus_steps_add_up():
    """The same first hour on the other machine."""
    renting = (ROOT / "docs/renting.md").read_text()
    chapter = renting.partition("## The first hour on a g5.xlarge")[2]
    minutes, usd = added_up(chapter, "g5.xlarge")
    assert minutes == FIRST_RUN_MIN["gpu"]
    assert usd <= 2 and f"eager and compiled; not yet run | {minutes} minutes, forecast |" in README


def test_a_rented_machine_has_twice_the_time_that_is_forecast():
    """The tasks that rent stop a run at their limit: at least twice the sum of its steps."""
    limit = yaml.safe_load((ROOT / "deploy/sky/inf2.yaml").read_text())["envs"]["LIMIT_MINUTES"]
    assert limit >= 2 * added_up(INF2, "inf2.xlarge")[0]


def test_readme_and_report_name_the_same_sdk():
    """The one that the kit is pinned to: in the README's chapter, the Dockerfile, and the gate that the report shows."""
    pinned = platform_facts().pinned
    assert f"SDK {pinned}" in support_gate().next
    assert re.findall(r"SDK (2\.\d+\.\d+)", INF2) == [pinned]
    assert f"SDK {pinned}" in (ROOT / "Dockerfile").read_text()
    assert f"SDK {pinned}" in (ROOT / "environment-neuron.yml").read_text()
