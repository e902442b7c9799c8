"""One offline HTML file: the decision, three numbers, the systems, the gates, then each executed
notebook.

Code is folded behind one switch. Frames from a user's folder stay out unless the profile says
share_frames.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from bs4 import BeautifulSoup

from blipkit.cost.systems import differences, latency_note, systems
from blipkit.display.tables import number, table_html
from blipkit.frames.frames import SYNTHETIC
from blipkit.machine.host import Machine
from blipkit.profiles.profile import section_in
from blipkit.records.documents import check_results_folder, read_machine
from blipkit.records.results import Results
from blipkit.records.run_record import read_run
from blipkit.report.verdict import is_rehearsal, render, write_verdict
from blipkit.statistics import wilson

FIGURES = "figure:not(.detail):has(> img[src^='data:image/svg'])"  # those at the head of the report
MONEY = ("points", "fleet", "savings", "baselines", "payback")  # of 05, for the summary
# of `systems`, a row's key -> its column
SYSTEM_COLUMNS = {
    "machine": "machine",
    "arm": "arm",
    "setting": "servers-clients",
    "answers_per_s": "answers/s",
    "latency": "latency",
    "instance": "priced as",
    "region": "region",
    "price_as_of": "prices of",
    "usd_per_million": "USD per million good answers",
    "evidence": "evidence",
    "gap": "why it may not be compared",
}
# of what is missing, a row's key -> its column
MISSING_COLUMNS = {
    "what": "what",
    "command": "command",
    "hours": "about hours",
    "usd": "about USD",
}
SIGNS = {"PASS": "✓", "WARN": "!", "FAIL": "✗", "INVALID": "?", "NOT-RUN": "–"}


def write_report(folder: Path, beside: Sequence[Path] = ()) -> tuple[Path, dict]:
    """Write verdict and report of a results folder, `beside` others' systems; the report's path and
    the verdict.
    """
    for one in (*beside, folder):
        check_results_folder(one)
    common, cost = (section_in(folder, name) for name in ("common", "cost"))
    named = [Path(other) for other in cost.beside if Path(other, "run.json").is_file()]
    beside = list(dict.fromkeys([*beside, *named]))
    verdict = write_verdict(folder, beside)
    results = Results(folder)
    machine = read_machine(folder)
    private = common.frames_from != SYNTHETIC and not common.share_frames
    chapters = [chapter(path, private) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]
    page = render(
        "report.html",
        verdict,
        rehearsal=is_rehearsal(results.gates()),
        run=read_run(folder),
        machine=machine,
        numbers=three_numbers(results),
        money={kind: results.rows(kind) for kind in MONEY},
        asked=cost,
        tables=tables(verdict, machine, [*beside, folder]),
        figures=[figure for one in chapters for figure in one.select(FIGURES)],
        chapters=chapters,
    )
    path = folder / "report" / "index.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(str(scrollable(BeautifulSoup(page, "html.parser"))), encoding="utf-8")
    return path, verdict


def chapter(path: Path, private: bool):
    """An executed notebook as HTML (a bs4 section): text, outputs and folded code, headings one
    level down.
    """
    markup = f'<section class="chapter" id="{path.stem}">{body_of(path)}</section>'
    section = BeautifulSoup(markup, "html.parser").section
    for heading in section.find_all(re.compile("^h[1-5]$")):
        heading.name = f"h{int(heading.name[1]) + 1}"
    for link in section.find_all("a", href=re.compile(r"^\d\d_\w+\.ipynb$")):
        link["href"] = "#" + link["href"].removesuffix(".ipynb")
    if private:
        for frame in section.find_all("img", class_="frame"):
            frame.replace_with("(this frame stays in the results folder)")
    return section


def body_of(path: Path) -> str:
    """An executed notebook as HTML, without prompts and without what went to stderr."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    return exporter.from_notebook_node(notebook)[0]


def three_numbers(results: Results) -> list[dict]:
    """Answers that flip, throughput and cost, of the setting that 05 priced: value, unit, interval,
    evidence, machine.
    """
    costs = [row for row in results.rows("cost") if row["best"]]
    best = max(costs, key=lambda row: row["answers_per_s"], default=None)
    flips = [row for row in results.rows("decisions") if row["ranked_answers"]]
    parity = next((row for row in flips if best is None or row["arm"] == best["arm"]), None)
    same = {"title": "Same answers?"}
    load = {"title": "How much load?"}
    cost = {"title": "At what cost?"}
    if parity:
        same.update(_flips_shown(parity))
    if best:
        load.update(_load_shown(best))
        cost.update(_cost_shown(best))
    return [same, load, cost]


def _flips_shown(row: dict) -> dict:
    """A record of `decisions`, with what is shown of it."""
    rate = wilson(row["ranked_flips"], row["ranked_answers"])
    shown = dict(row)
    shown["value"] = f"{row['ranked_flips']} of {row['ranked_answers']}"
    shown["about"] = row["arm"]
    shown["unit"] = "answers differ from the reference's"
    shown["interval"] = f"{rate.low:.2%} to {rate.high:.2%}"
    return shown


def _load_shown(row: dict) -> dict:
    """A record of `cost`, with what is shown of its throughput."""
    system = f"{row['arm']}, servers {row['servers']}, clients {row['clients']}"
    shown = _figure(row, "answers_per_s", "answers/s", f"{system}, {latency_note(row)}")
    shown["evidence"] = row["evidence"].partition(",")[0]  # without what is said of the prices
    return shown


def _cost_shown(row: dict) -> dict:
    """A record of `cost`, with what is shown of its cost."""
    place = f"priced as {row['instance']}, {row['option']}, {row['region']}"
    about = f"{place}, prices of {row['price_as_of']}"
    return _figure(row, "usd_per_million", "USD per million good answers", about)


def _figure(row: dict, key: str, unit: str, about: str) -> dict:
    """A record, its evidence and machine in it, with what is shown of one figure, and its interval,
    if any.
    """
    low, high = (row.get(f"{key}{end}") for end in ("_low", "_high"))
    interval = ""
    if low is not None and high is not None:
        interval = f"{number(low)} to {number(high)}"
    shown = dict(row)
    shown.update(value=number(row[key]), unit=unit, interval=interval, about=about)
    return shown


def tables(verdict: dict, machine: Machine, folders: Sequence[Path]) -> dict[str, str]:
    """The report's own tables as HTML, by name; "" for one that has nothing to show."""
    return {
        "gates": _gates_table(verdict["gates"]),
        "missing": _missing_table(verdict["decision"]["missing"]),
        "systems": _systems_table(folders),
        "differences": _differences_table(folders),
        "machine": _machine_table(machine),
    }


def _gates_table(gates: Sequence[dict]) -> str:
    rows = [
        {
            "gate": gate["gate"],
            "status": f"{SIGNS[gate['status']]} {gate['status']}",
            "measured": number(gate["measured"]),
            "limit": number(gate["limit"]),
            "evidence": gate["evidence"],
            "reason": gate["reason"],
            "what to do next": gate["next"],
        }
        for gate in gates
    ]
    return table_html(rows, "Every check with its limit")


def _missing_table(missing: Sequence[dict]) -> str:
    """To get what is missing; "" where nothing is."""
    if not missing:
        return ""
    return table_html(_columns_of(missing, MISSING_COLUMNS), "To get the missing evidence")


def _systems_table(folders: Sequence[Path]) -> str:
    """The systems side by side; "" where nothing is priced."""
    rows = _columns_of(systems(map(Results, folders)), SYSTEM_COLUMNS)
    if not rows:
        return ""
    return table_html(rows, "Each system at its best setting within the latency target")


def _columns_of(rows: Sequence[dict], columns: dict[str, str]) -> list[dict]:
    """Of each row what these columns (key -> title) show."""
    return [{title: row[key] for key, title in columns.items()} for row in rows]


def _differences_table(folders: Sequence[Path]) -> str:
    """What the systems do not share; "" where there is but one."""
    if len(folders) < 2:
        return ""
    return table_html(differences(folders), "What differs between the systems")


def _machine_table(machine: Machine) -> str:
    """What environment.json says, each library in a row of its own."""
    facts = machine.facts()
    facts.update(facts.pop("versions"))
    rows = [{"what": what, "seen": str(value)} for what, value in facts.items()]
    return table_html(rows, "The machine and its libraries")


def scrollable(page):
    """Wide tables and code scroll in a box of their own, which a keyboard can reach; statuses can
    be styled.
    """
    for table in page.find_all("table"):
        label = "table"
        if table.caption:
            label = table.caption.get_text(strip=True)
        box = {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": label}
        table.wrap(page.new_tag("div", attrs=box))
    for pre in page.find_all("pre"):
        pre["tabindex"] = "0"
    for cell in page.find_all("td", string=re.compile(r"^. (PASS|WARN|FAIL|INVALID|NOT-RUN)$")):
        cell["class"] = ["status", cell.string.split()[1]]
    return page
