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
from blipkit.frames.frames import DRAWN
from blipkit.profiles.profile import section_in
from blipkit.records.documents import check_results_folder, read_document
from blipkit.records.results import Results
from blipkit.report.verdict import is_rehearsal, render, write_verdict
from blipkit.statistics import wilson

FIGURES = "figure:not(.detail):has(> img[src^='data:image/svg'])"  # those at the head of the report
# records of 05 that the summary is made of
MONEY = (
    "points",
    "fleet",
    "savings",
    "baselines",
    "payback",
)
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
    verdict, results = write_verdict(folder, beside), Results(folder)
    run, machine = (read_document(folder / name) for name in ("run.json", "environment.json"))
    private = common.frames_from != DRAWN and not common.share_frames
    chapters = [chapter(path, private) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]
    page = render(
        "report.html",
        verdict,
        rehearsal=is_rehearsal(results.gates()),
        run=run,
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
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    bare = {
        "exclude_input_prompt": True,
        "exclude_output_prompt": True,
        "exclude_anchor_links": True,
    }
    body, _ = HTMLExporter(template_name="basic", **bare).from_notebook_node(notebook)
    section = BeautifulSoup(
        f'<section class="chapter" id="{path.stem}">{body}</section>', "html.parser"
    ).section
    for heading in section.find_all(re.compile("^h[1-5]$")):
        heading.name = f"h{int(heading.name[1]) + 1}"
    for link in section.find_all("a", href=re.compile(r"^\d\d_\w+\.ipynb$")):
        link["href"] = "#" + link["href"].removesuffix(".ipynb")
    for frame in section.find_all("img", class_="frame") if private else ():
        frame.replace_with("(this frame stays in the results folder)")
    return section


def three_numbers(results: Results) -> list[dict]:
    """Answers that flip, throughput and cost, of the setting that 05 priced: value, unit, interval,
    evidence, machine.
    """
    costs = [row for row in results.rows("cost") if row["best"]]
    best = max(costs, key=lambda row: row["answers_per_s"], default=None)
    flips = [row for row in results.rows("decisions") if row["ranked_answers"]]
    parity = next((row for row in flips if best is None or row["arm"] == best["arm"]), None)
    same, load, cost = (
        {"title": title} for title in ("Same answers?", "How much load?", "At what cost?")
    )
    if parity:
        low, high = wilson(parity["ranked_flips"], parity["ranked_answers"])
        same |= parity | {
            "value": f"{parity['ranked_flips']} of {parity['ranked_answers']}",
            "about": parity["arm"],
        }
        same |= {
            "unit": "answers differ from the reference's",
            "interval": f"{low:.2%} to {high:.2%}",
        }
    if best:
        setting = (
            f"{best['arm']}, servers {best['servers']}, clients {best['clients']}, "
            f"{latency_note(best)}"
        )
        load |= _figure(best, "answers_per_s", "answers/s", setting)
        load["evidence"] = best["evidence"].partition(",")[0]  # without what is said of the prices
        priced = (
            f"priced as {best['instance']}, {best['option']}, {best['region']}, prices of "
            f"{best['price_as_of']}"
        )
        cost |= _figure(best, "usd_per_million", "USD per million good answers", priced)
    return [same, load, cost]


def _figure(row: dict, key: str, unit: str, about: str) -> dict:
    """A record, its evidence and machine in it, with what is shown of one figure, and its interval,
    if any.
    """
    ends = [row.get(f"{key}{end}") for end in ("_low", "_high")]
    interval = "" if None in ends else " to ".join(map(number, ends))
    return row | {"value": number(row[key]), "unit": unit, "interval": interval, "about": about}


def tables(verdict: dict, machine: dict, folders: Sequence[Path]) -> dict[str, str]:
    """The report's own tables as HTML, by name."""
    gates, columns = (
        [],
        ("gate", "status", "measured", "limit", "evidence", "reason", "what to do next"),
    )
    for gate in verdict["gates"]:
        words = {
            "status": f"{SIGNS[gate['status']]} {gate['status']}",
            "what to do next": gate["next"],
        }
        row = gate | words | {name: number(gate[name]) for name in ("measured", "limit")}
        gates.append({name: row[name] for name in columns})
    missing = [
        {
            "what": m["what"],
            "command": m["command"],
            "about hours": m["hours"],
            "about USD": m["usd"],
        }
        for m in verdict["decision"]["missing"]
    ]
    shown = {
        "machine": "machine",
        "arm": "arm",
        "setting": "servers-clients",
        "answers_per_s": "answers/s",
    }
    shown |= {
        "latency": "latency",
        "instance": "priced as",
        "region": "region",
        "price_as_of": "prices of",
    }
    shown |= {"usd_per_million": "USD per million good answers", "evidence": "evidence"}
    shown |= {"gap": "why it may not be compared"}
    priced = systems(map(Results, folders))
    priced = [{title: row[key] for key, title in shown.items()} for row in priced]
    known = machine | machine["versions"]
    facts = [
        {"what": what, "seen": str(value)} for what, value in known.items() if what != "versions"
    ]
    return {
        "gates": table_html(gates, "Every check with its limit"),
        "missing": table_html(missing, "To get the missing evidence") if missing else "",
        "systems": table_html(priced, "Each system at its best setting within the latency target")
        if priced
        else "",
        "differences": table_html(differences(folders), "What differs between the systems")
        if len(folders) > 1
        else "",
        "machine": table_html(facts, "The machine and its libraries"),
    }


def scrollable(page):
    """Wide tables and code scroll in a box of their own, which a keyboard can reach; statuses can
    be styled.
    """
    for table in page.find_all("table"):
        label = table.caption.get_text(strip=True) if table.caption else "table"
        box = {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": label}
        table.wrap(page.new_tag("div", attrs=box))
    for pre in page.find_all("pre"):
        pre["tabindex"] = "0"
    for cell in page.find_all("td", string=re.compile(r"^. (PASS|WARN|FAIL|INVALID|NOT-RUN)$")):
        cell["class"] = ["status", cell.string.split()[1]]
    return page
