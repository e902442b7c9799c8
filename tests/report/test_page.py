"""The report a stakeholder opens: one file, offline, decision first, readable by a machine reader."""

import json
import re
import shutil
from dataclasses import replace
from xml.etree import ElementTree

import nbformat
import pytest
from bs4 import BeautifulSoup
from made_up import WHOLE, cost_row, make
from page_lint import problems

from blipkit.cost.rows import CLIENTS_WAIT
from blipkit.display.figures import show_frames
from blipkit.display.tables import number, table_html
from blipkit.records.results import Results
from blipkit.report.numbers import four_numbers
from blipkit.report.page import chapter, scrollable, write_report
from blipkit.report.tables import _systems_table
from blipkit.run.publish import PUBLISHED
from blipkit.statistics import Interval

GOOD = """<html lang="en"><title>t</title><main id="m"><h1>a</h1><h2>b</h2><img src="data:," alt="words">
<a href="#m">up</a><table><caption>c</caption><tr><th scope="col">x</th></tr><tr><td class="status">+ PASS</td></tr></table>
<figure><img src="data:image/svg+xml," alt="w"><table><caption>d</caption></table></figure></main></html>"""
BAD = {
    "loads http": GOOD.replace('src="data:,"', 'src="http://example.org/a.png"'),
    "loads style.css": GOOD.replace("<title>", '<link rel="stylesheet" href="style.css"><title>'),
    "loads @import": GOOD.replace("<title>", "<style>@import 'x.css';</style><title>"),
    "loads url": GOOD.replace("<h2>", '<h2 style="background: url(x.png)">'),
    "has a script": GOOD.replace("<h1>", "<script>1</script><h1>"),
    "2 h1": GOOD.replace("h2", "h1"),
    "h4 after h1": GOOD.replace("h2", "h4"),
    "a picture without words": GOOD.replace('alt="words"', 'alt=""'),
    "a table without a caption": GOOD.replace("<caption>c</caption>", ""),
    "no scope": GOOD.replace(' scope="col"', ""),
    "a figure without its data": GOOD.replace("<table><caption>d</caption></table>", ""),
    "no language": GOOD.replace(' lang="en"', ""),
    "no title": GOOD.replace("<title>t</title>", ""),
    "status": GOOD.replace("+ PASS", "fine"),
    "id m stands twice": GOOD.replace("<h1>", '<h1 id="m">'),
    "#m leads nowhere": GOOD.replace('id="m"', ""),
}


@pytest.fixture(scope="module")
def page(smoke):
    return BeautifulSoup((smoke / "report/index.html").read_text(), "html.parser")


def test_the_report_has_no_fault_that_shows_without_a_browser(smoke, replayed):
    """Offline, headings in order, words for pictures, captions and scopes, data under figures, links that lead."""
    for folder in (smoke, replayed):
        assert problems((folder / "report/index.html").read_text()) == []


@pytest.mark.parametrize("fault", BAD)
def test_each_fault_is_found(fault):
    """The check of a page can fail, for each thing that it checks."""
    assert problems(GOOD) == [] and [p for p in problems(BAD[fault]) if p.startswith(fault)]


def test_the_decision_comes_first(page):
    """What was tested, then the decision as h1; the next sentence says why, what is missing, the command, hours and dollars."""
    assert page.h1.text == "Not enough evidence"
    tested, sentence = (paragraph.text for paragraph in page.header.find_all("p")[1:3])
    assert tested.startswith("Tested: builtin:tiny-pets, a demonstration model, asked about")
    assert page.h1.find_previous("p").text == tested
    assert "no measured run on inf2.xlarge yet" in sentence and re.search(
        r"make run PROFILE=gpu, about 1.25 h, 1.26 USD", sentence
    )


def test_the_numbers_are_of_the_arm_that_05_priced(tmp_path):
    """However many answers another has, where 03 has shown that they are others."""
    rows = [cost_row(900.0, best=True, arm="fast"), cost_row(100.0, best=True, arm="sound")]
    load = four_numbers(Results(make(tmp_path / "both", cost=rows)))[1]
    assert load.note.startswith("fast")
    failed = make(tmp_path / "flipped", gates=[("decisions fast", "FAIL")], cost=rows)
    assert four_numbers(Results(failed))[1].note.startswith("sound")


def test_four_numbers_follow_with_their_source(page):
    """Each has a value, a unit, an interval, its evidence and its machine; 09 did not run here."""
    *measured, served = page.select("ul.numbers li")
    assert served.strong.text == "NOT-RUN" and "09_service was not run" in served.text
    for item in measured:
        assert re.search(r"\d", item.strong.text) and "95 % interval" in item.text
        assert "Measured" in item.text and "AMD" in item.text or "on " in item.text
    assert "USD per million good answers" in page.select("ul.numbers li")[2].text


@pytest.mark.parametrize("basis", [CLIENTS_WAIT, "open arrivals, poisson: rate that holds p90"])
def test_how_much_load_says_who_offered_it(tmp_path, basis):
    """Clients who wait, or arrivals that do not; the table of systems says it, too."""
    row = replace(cost_row(best=True), basis=basis)
    folder = make(tmp_path / "f", cost=[row])
    load = four_numbers(Results(folder))[1]
    assert load.note.endswith(f"; {basis}")
    assert basis in _systems_table([folder])


def test_the_rates_that_were_tried_are_no_confidence_interval(tmp_path):
    """With arrivals that do not wait the ends are rates, and no clients are named; with clients it is 95 %."""
    tried = replace(cost_row(low=90.0, high=110.0, best=True), basis="open arrivals, poisson: x")
    _, load, cost, _ = four_numbers(Results(make(tmp_path / "open", cost=[tried])))
    for one in (load, cost):
        assert one.interval.startswith("between the rates that held and those that did not, ")
    assert "at this rate" in load.note and "clients" not in load.note
    waiting = replace(tried, basis=CLIENTS_WAIT)
    _, load, *_ = four_numbers(Results(make(tmp_path / "closed", cost=[waiting])))
    assert load.interval == "95 % interval 90 to 110" and "clients 4" in load.note


@pytest.mark.parametrize("state", ["unstable", "unclear"])
def test_a_figure_that_may_not_hold_still_says_so_beside_it(tmp_path, state):
    """Who reads the first screen alone has to know."""
    folder = make(tmp_path / "f", cost=[cost_row(best=True, state=state)])
    assert f", {state}: " in four_numbers(Results(folder))[1].note


def test_numbers_that_nobody_measured_are_not_run(tmp_path):
    """An empty folder has titles and no numbers."""
    numbers = four_numbers(Results(tmp_path))
    titles = ["Same answers?", "How much load?", "At what cost?", "Served while it moves?"]
    assert [one.title for one in numbers] == titles
    assert not any(one.value for one in numbers) and all(one.lacking for one in numbers)


def test_a_latency_that_nobody_saw_is_called_the_fits(tmp_path):
    """At a rate by the fit the percentile is the limit, and the load card says which share of it is good."""
    by_rate = replace(WHOLE, throughput_basis="open arrivals, poisson")
    fit = replace(
        cost_row(1122.0, best=True, conditions=by_rate),
        basis="open arrivals, poisson: x",
        percentile=90.0,
        good_share=0.9,
        latency_ms=Interval(250.0),
    )
    load = four_numbers(Results(make(tmp_path / "fit", cost=[fit])))[1]
    assert "at this rate p90 at its limit of 250 ms, by the fit" in load.note
    assert "90 % of them good: 1010/s" in load.note
    seen = replace(fit, latency_ms=Interval(33.0, 31.0, 40.0), good_share=1.0)
    load = four_numbers(Results(make(tmp_path / "seen", cost=[seen])))[1]
    assert "at this rate p90 33 ms" in load.note and "good" not in load.note


@pytest.mark.parametrize(
    "published", sorted(PUBLISHED.glob("*/*/run.json")), ids=lambda path: path.parent.name
)
def test_a_published_folder_has_a_report(published, tmp_path):
    """Records of earlier code are read: what they lack is left out."""
    path, _ = write_report(shutil.copytree(published.parent, tmp_path / "p"))
    priced = "05_cost" in json.loads(published.read_text())["notebooks"]
    assert (
        problems(path.read_text()) == []
        and ("USD per million good answers" in path.read_text()) == priced
    )


def test_a_run_that_stopped_early_has_a_report(tmp_path):
    """A notebook that stopped leaves NOT-RUN in the place of its numbers, and its cell's error among the gates."""
    state = {"status": "stopped", "error": "cell 3: ValueError: no"}
    (tmp_path / "run.json").write_text(
        json.dumps({"profile": "p", "started": "now", "notebooks": {"00_environment": state}})
    )
    (tmp_path / "environment.json").write_text(
        json.dumps({"name": "m", "git_commit": None, "versions": {}})
    )
    (tmp_path / "profile.yaml").write_text("common: {}\n")
    text = write_report(tmp_path)[0].read_text()
    assert text.count("NOT-RUN") >= 3 and "cell 3: ValueError: no" in text and problems(text) == []


def test_what_did_not_pass_stands_open_and_what_passed_is_folded(page, smoke):
    """Each gate is in one of two tables; a reader sees first what needs looking at."""
    gates = json.loads((smoke / "verdict.json").read_text())["gates"]
    heading = page.select_one("h2#gates")
    unpassed = heading.find_next("table")
    passed = heading.find_next("details")
    assert unpassed.find_parent("details") is None
    for table, shown in ((unpassed, False), (passed.table, True)):
        names = [row.td.get_text() for row in table.select("tbody tr")]
        assert names == [one["gate"] for one in gates if (one["status"] == "PASS") == shown]
    assert f"{len(passed.select('tbody tr'))} checks passed" in passed.summary.get_text()


def test_code_is_there_and_folded(page, smoke):
    """Chapters show text and outputs; their cells wait behind one switch, which needs no script."""
    chapters = page.select("section.chapter")
    assert len(chapters) == len(list(smoke.glob("[0-9][0-9]_*.ipynb")))
    assert all(c.select_one("div.input") for c in chapters) and page.select_one(
        "label > input#show-code[type=checkbox]"
    )
    style = page.style.text
    assert (
        ".input { display: none; }" in style
        and "body:has(#show-code:checked) .input { display: block; }" in style
    )


def test_figures_stand_before_the_chapters(page):
    """The pictures of 03, 04 and 05 come once before the notebooks, where a reader in a hurry sees them."""
    before = page.find("section", class_="chapter").find_all_previous("figure")
    assert len(before) == 6


def test_lines_that_progress_came_between_are_one_text(tmp_path):
    """What a cell printed stands in one box; stderr is left out, and a picture between two texts stays there."""
    notebook = nbformat.v4.new_notebook()
    texts = [("stdout", "one\n"), ("stderr", "50 %"), ("stdout", "two\n")]
    outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in texts]
    outputs.append(nbformat.v4.new_output("display_data", data={"text/html": "<p>seen</p>"}))
    outputs.append(nbformat.v4.new_output("stream", name="stdout", text="three\n"))
    notebook.cells = [nbformat.v4.new_code_cell("show()", outputs=outputs)]
    nbformat.write(notebook, tmp_path / "03_parity.ipynb")
    section = chapter(tmp_path / "03_parity.ipynb", private=False)
    printed = [box.get_text() for box in section.select("pre")]
    assert "one\ntwo\n" in printed and "three\n" in printed and "50 %" not in str(section)


def test_a_column_with_a_long_name_is_as_narrow_as_its_figures():
    """A name may be broken at its underscores, and reads as before; cells of words get room for some."""
    cells = [{"usd_per_day": 5.1, "<a>_b": "x", "aims": "aims at 95 % of it", "why": "so " * 30}]
    page = scrollable(BeautifulSoup(table_html(cells, "c"), "html.parser"))
    assert [head.get_text() for head in page.select("th")] == [
        "usd_per_day",
        "<a>_b",
        "aims",
        "why",
    ]
    assert [len(head.select("wbr")) for head in page.select("th")] == [2, 1, 0, 0]
    kinds = [cell.get("class") for cell in page.select("td")]
    assert kinds == [None, None, None, ["sentence"]]
    cells = [{"aims": "aims at 95 % of what it carries"}]
    page = scrollable(BeautifulSoup(table_html(cells, "c"), "html.parser"))
    assert page.td["class"] == ["words"]


def test_a_replayed_report_says_so_at_its_head(replayed):
    """Recorded on which machine, when, and replayed where."""
    head = BeautifulSoup((replayed / "report/index.html").read_text(), "html.parser").header.text
    assert "Recorded on A machine far away, 20" in head and "which measured nothing" in head


def test_frames_of_a_users_folder_stay_out_unless_shared(tmp_path, monkeypatch):
    """The executed notebook keeps its pictures; the report shows them only with share_frames."""
    from PIL import Image

    displayed = []
    keep = "blipkit.display.figures.display_html"
    monkeypatch.setattr(keep, lambda markup, text: displayed.append(markup))
    show_frames([Image.new("RGB", (4, 4))], ["at home"])
    notebook = nbformat.v4.new_notebook()
    shown = nbformat.v4.new_output("display_data", data={"text/html": displayed[0]})
    notebook.cells = [nbformat.v4.new_code_cell("show", outputs=[shown])]
    nbformat.write(notebook, tmp_path / "03_parity.ipynb")
    assert "data:image/png" in str(chapter(tmp_path / "03_parity.ipynb", private=False))
    shown_private = str(chapter(tmp_path / "03_parity.ipynb", private=True))
    assert "data:image/png" not in shown_private and "stays in the results folder" in shown_private


def test_two_machines_stand_side_by_side(smoke, replayed, tmp_path):
    """The last folder's report shows both systems and what differs between them, and misses less."""
    gpu = shutil.copytree(replayed, tmp_path / "gpu", ignore=shutil.ignore_patterns("artifacts"))
    (gpu / ".outputs.json").unlink()  # as an older kit left it
    record = gpu / "records/environment.jsonl"
    record.write_text(record.read_text().replace('"gpus": []', '"gpus": ["NVIDIA A10G"]'))
    record = gpu / "records/cost.jsonl"
    record.write_text(
        record.read_text().replace('"instance": "m7i.large"', '"instance": "g5.xlarge"')
    )
    cpu = shutil.copytree(smoke, tmp_path / "cpu", ignore=shutil.ignore_patterns("artifacts"))
    path, verdict = write_report(cpu, [gpu])
    page = BeautifulSoup(path.read_text(), "html.parser")
    systems, differences = (
        page.find("caption", string=re.compile(c)).parent for c in ("Each system", "What differs")
    )
    assert (
        len(systems.find_all("tr")) == 3
        and "A machine far away" in systems.text
        and "A machine far away" in differences.text
    )
    missing = [step.what for step in verdict.decision.missing]
    assert (
        missing[0] == "a measured run on inf2.xlarge"
        and "a measured run on g5.xlarge" not in missing
    )
    assert any("A machine far away is priced as g5.xlarge" in what for what in missing)
    assert problems(path.read_text()) == []


def test_a_sentence_in_a_cell_is_not_squeezed_into_a_column_of_words():
    """It has room beside many columns of figures; figures and statuses stay as they are."""
    table = f"<table><tr><td>3</td><td>! WARN</td><td>{'word ' * 20}</td></tr></table>"
    page = scrollable(BeautifulSoup(table, "html.parser"))
    classes = [cell.get("class") for cell in page.find_all("td")]
    assert classes == [None, ["status", "WARN"], ["sentence"]]


def test_tables_say_what_is_not_known():
    """A figure that nobody has is a word, never NaN."""
    for rows in ([{"a": None}, {"a": 1.0}], [{"a": None}], [{"a": None}, {"a": "x"}]):
        assert "not known" in table_html(rows, "c") and not {"NaN", "None"} & set(
            re.findall(r"\w+", table_html(rows, "c"))
        )


def test_junit_counts_as_the_verdict_does(smoke):
    """gates.xml has one case a gate."""
    gates = json.loads((smoke / "verdict.json").read_text())["gates"]
    cases = list(ElementTree.parse(smoke / "gates.xml").iter("testcase"))
    assert [c.get("name") for c in cases] == [g["gate"] for g in gates]
    assert sum(c.find("skipped") is not None for c in cases) == sum(
        g["status"] == "NOT-RUN" for g in gates
    )


def test_a_report_can_be_written_again(smoke):
    """Verdict and report are made from what was recorded, with nothing run."""
    path, verdict = write_report(smoke)
    assert path.is_file() and verdict.profile == "smoke"


def test_markdown_shows_what_is_missing(smoke):
    """verdict.md names what to get, how, for how long and how much."""
    write_report(smoke)
    text = (smoke / "verdict.md").read_text()
    assert text.startswith("# Not enough evidence") and "a measured run on inf2.xlarge" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.123456, "0.1235"), (3, "3"), ("cpu", "cpu"), (float("nan"), "nan")],
)
def test_figures_are_shown_to_four_digits(value, shown):
    """None is a dash; text stays."""
    assert number(value) == shown


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"cells": 3}', b"\xff", b'{"nbformat": 4}'])
def test_a_damaged_notebook_is_named_and_the_report_goes_on(tmp_path, content):
    """Its records are the evidence; what it showed is not."""
    path = tmp_path / "03_parity.ipynb"
    path.write_bytes(content)
    text = chapter(path, private=False).get_text()
    assert text.startswith("03_parity.ipynb is damaged and not shown: ")
