"""docs/capacity.md shows what the published bench says of how a request's time grows with the fleet."""

from bench_capacity import BUSY, FleetSize

from blipkit.paths import PUBLISHED, ROOT
from blipkit.records.documents import read_machine
from blipkit.records.results import Results
from blipkit.records.typed import read_typed

DOCUMENT = (ROOT / "docs/capacity.md").read_text()
BEGIN = "<!-- fleet sizes: made from results/published by tests/test_bench_capacity.py -->\n"
END = "<!-- end of fleet sizes -->"
(RECORD,) = PUBLISHED.glob("*/bench/records/fleet_sizes.jsonl")
BENCH = RECORD.parents[1]


def made() -> str:
    """A line for each number of machines, ns a request at each load."""
    rows = read_typed(Results(BENCH), "fleet_sizes", FleetSize)
    heads = [f"ns a request, {busy:.0%} busy" for busy in BUSY]
    lines = [f"| machines, on {read_machine(BENCH).name} | {' | '.join(heads)} |", "|---|---|---|"]
    for machines in dict.fromkeys(row.machines for row in rows):
        taken = {row.busy: row.ns_per_request for row in rows if row.machines == machines}
        lines.append(f"| {machines:,} | {' | '.join(f'{taken[busy]:.0f}' for busy in BUSY)} |")
    return "".join(f"{line}\n" for line in lines)


def test_the_document_shows_the_published_sizes():
    """No figure of the table was typed by hand."""
    shown = DOCUMENT.partition(BEGIN)[2].partition(END)[0]
    assert shown == made(), f"docs/capacity.md should have:\n{BEGIN}{made()}{END}"
