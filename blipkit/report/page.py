"""One offline HTML file: the decision, three numbers, the systems, the gates, then each executed
notebook.

Code is folded behind one switch. Frames from a user's folder stay out unless the profile says
share_frames.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from bs4 import BeautifulSoup

from blipkit.frames.frames import SYNTHETIC
from blipkit.profiles.profile import section_in
from blipkit.records.documents import check_results_folder, read_machine
from blipkit.records.results import Results
from blipkit.records.run_record import read_run
from blipkit.report.numbers import read_money, three_numbers
from blipkit.report.tables import make_tables
from blipkit.report.verdict import Verdict, has_rehearsed, render, write_verdict

# those at the head of the report
HEAD_FIGURES = "figure:not(.detail):has(> img[src^='data:image/svg'])"


def write_report(folder: Path, beside: Sequence[Path] = ()) -> tuple[Path, Verdict]:
    """Write verdict and report of a results folder, `beside` others' systems; the report's path and
    the verdict.
    """
    for path in (*beside, folder):
        check_results_folder(path)
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
        rehearsal=has_rehearsed(results.gates()),
        run=read_run(folder),
        machine=machine,
        numbers=three_numbers(results),
        money=read_money(results, cost.incumbents[0]),
        tables=make_tables(verdict, machine, [*beside, folder]),
        figures=[figure for section in chapters for figure in section.select(HEAD_FIGURES)],
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
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    return exporter.from_notebook_node(notebook)[0]


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
