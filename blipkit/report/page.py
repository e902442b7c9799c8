"""One offline HTML file: the decision, four numbers, the systems, the gates, then each executed
notebook.

Code is folded behind one switch. Frames from a user's folder stay out unless the profile says
share_frames.
"""

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup

from blipkit.capacity.gates import CALIBRATED
from blipkit.errors import shown
from blipkit.paths import chapters_in, inside
from blipkit.records.evidence import open_evidence
from blipkit.records.results import Results
from blipkit.records.writing import said_in_a_sentence, write_text
from blipkit.report.folders import check_reportable, is_by_hand, knobs_of, machine_of, run_of
from blipkit.report.numbers import four_numbers, read_money, read_served
from blipkit.report.private import NOTHING, Hidden, has_private_frames, hidden_in
from blipkit.report.tables import make_tables
from blipkit.report.verdict import Verdict, has_rehearsed, render, write_verdict

OF_CHAPTER = re.compile(r"^\d\d_\w+\.ipynb$")  # a link from one notebook to another
# characters; a cell of more gets room for a word or two a line, or for several
WORDS, SENTENCE = 20, 60
# those at the head of the report
HEAD_FIGURES = "figure:not(.detail):has(> img[src^='data:image/svg'])"


def write_report(folder: Path, beside: Sequence[Path] = ()) -> tuple[Path, Verdict]:
    """Write verdict and report of a results folder, `beside` others' systems; the report's path and
    the verdict.
    """
    for path in (*beside, folder):
        check_reportable(path)
    cost = knobs_of(folder, "cost")
    named = [Path(other) for other in cost.beside if Path(other, "run.json").is_file()]
    beside = list(dict.fromkeys([*beside, *named]))
    for path in (*beside, folder):
        open_evidence(path)
    with said_in_a_sentence(folder):
        verdict = write_verdict(folder, beside)
        path = inside(folder, "report/index.html")
        path.parent.mkdir(exist_ok=True)
        write_text(path, _page(folder, beside, verdict))
    return path, verdict


def _page(folder: Path, beside: Sequence[Path], verdict: Verdict) -> str:
    """The report of a results folder, with others' systems, as HTML."""
    results = Results(folder)
    machine = machine_of(folder)
    private = has_private_frames(folder)
    hidden = hidden_in(folder, *beside)
    paths = chapters_in(folder)
    chapters = [chapter(path, private, hidden) for path in paths]
    unlink_others(chapters, {path.stem for path in paths})
    page = render(
        "report.html",
        verdict,
        rehearsal=has_rehearsed(results.gates()),
        run=run_of(folder),
        by_hand=is_by_hand(folder),
        machine=machine,
        numbers=four_numbers(results),
        money=read_money(results, knobs_of(folder, "cost").incumbents[0]),
        served=read_served(results),
        calibration=CALIBRATED,
        tables=make_tables(verdict, machine, [*beside, folder]),
        figures=[figure for section in chapters for figure in section.select(HEAD_FIGURES)],
        chapters=chapters,
    )
    return hidden.in_text(str(scrollable(BeautifulSoup(page, "html.parser"))))


def chapter(path: Path, private: bool, hidden: Hidden = NOTHING):
    """An executed notebook as HTML (a bs4 section): text, outputs and folded code, headings one
    level down.

    private: its pictures of frames stay out; hidden: and so do these paths.
    """
    try:
        body = body_of(path, hidden)
    except Exception as error:  # what a damaged notebook makes nbconvert raise has no end
        reason = shown(str(error).partition("\n")[0])
        body = f"<p>{escape(f'{path.name} is damaged and not shown: {reason}')}</p>"
    markup = f'<section class="chapter" id="{path.stem}">{body}</section>'
    section = BeautifulSoup(markup, "html.parser").section
    for heading in section.find_all(re.compile("^h[1-5]$")):
        heading.name = f"h{int(heading.name[1]) + 1}"
    for link in section.find_all("a", href=OF_CHAPTER):
        link["href"] = "#" + link["href"].removesuffix(".ipynb")
    if private:
        for frame in section.find_all("img", class_="frame"):
            frame.replace_with("(this frame stays in the results folder)")
    return section


def unlink_others(chapters: Sequence, stems: set[str]) -> None:
    """Make links to chapters that are not in the report plain text: they would lead nowhere."""
    for section in chapters:
        for link in section.find_all("a", href=re.compile(r"^#\d\d_\w+$")):
            if link["href"].removeprefix("#") not in stems:
                link.unwrap()


def body_of(path: Path, hidden: Hidden = NOTHING) -> str:
    """An executed notebook as HTML, without prompts and without what went to stderr."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = hidden.in_text(cell.source)
        if cell.cell_type == "code":
            shown = without_stderr(cell.outputs)
            cell.outputs = [nbformat.from_dict(hidden.in_value(output)) for output in shown]
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    return exporter.from_notebook_node(notebook)[0]


def without_stderr(outputs: Sequence[dict]) -> list[dict]:
    """A cell's outputs but for what went to stderr, as progress does; the lines of stdout between
    which that came are one text.
    """
    shown = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        if shown and shown[-1].get("name") == output.get("name") == "stdout":
            shown[-1] = shown[-1] | {"text": shown[-1]["text"] + output["text"]}
        else:
            shown.append(output)
    return shown


def scrollable(page):
    """Wide tables and code scroll in a box of their own, which a keyboard can reach; statuses, and
    words and sentences in cells, can be styled; a column's name may be broken at its underscores.
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
    for cell in page.find_all("td", string=lambda text: text and len(text) > WORDS):
        cell["class"] = ["sentence" if len(cell.string) > SENTENCE else "words"]
    for head in page.find_all("th", string=re.compile("_")):
        broken = "_<wbr>".join(map(escape, head.string.split("_")))
        head.string.replace_with(BeautifulSoup(broken, "html.parser"))
    return page
