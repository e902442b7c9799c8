"""The report a stakeholder opens: one file, offline, decision first, readable by a machine reader."""

import re
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from blipkit.report import write_report
from blipkit.verdict import as_markdown, number


@pytest.fixture(scope="module")
def page(smoke):
    return BeautifulSoup((smoke / "report/index.html").read_text(), "html.parser")


def test_nothing_is_loaded_from_anywhere(smoke):
    """No address loads anything: the file is whole."""
    text = (smoke / "report/index.html").read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", text)
    assert "<script" not in text and "@import" not in text and "url(" not in text.split("</style>")[0]


def test_the_decision_comes_first(page):
    """One h1, and it is the decision in words."""
    assert [h.text for h in page.find_all("h1")] == ["Not enough evidence"]


def test_headings_do_not_jump(page):
    """Levels go down by one at a time."""
    levels = [int(e.name[1]) for e in page.find_all(["h1", "h2", "h3", "h4", "h5"])]
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))


def test_every_picture_has_words(page):
    """Each image has alt text, and there are frames and figures."""
    pictures = page.find_all("img")
    assert len(pictures) > 5 and all(p.get("alt", "").strip() for p in pictures)


def test_tables_have_captions_and_scopes(page):
    """Each table says what it is; header cells say what they head."""
    for table in page.find_all("table"):
        assert table.caption is not None
        assert all(th.get("scope") for th in table.find_all("th"))


def test_no_code_is_in_the_way(page, smoke):
    """Chapters show text and outputs, not their cells."""
    assert "check_notebook(globals())" not in page.text
    assert len(page.select("section.chapter")) == len(list(smoke.glob("[0-9][0-9]_*.ipynb")))


def test_status_is_said_in_words(page):
    """Every gate shows its status as text and sign."""
    shown = [cell.text for cell in page.select("td.status")]
    assert shown and all(re.fullmatch(r". (PASS|WARN|FAIL|INVALID|NOT-RUN)", s) for s in shown)


def test_junit_counts_as_the_verdict_does(smoke):
    """gates.xml has one case a gate."""
    from json import loads

    gates = loads((smoke / "verdict.json").read_text())["gates"]
    cases = list(ElementTree.parse(smoke / "gates.xml").iter("testcase"))
    assert [c.get("name") for c in cases] == [g["gate"] for g in gates]
    assert sum(c.find("skipped") is not None for c in cases) == sum(g["status"] == "NOT-RUN" for g in gates)


def test_a_report_can_be_written_again(smoke):
    """Verdict and report are made from what was recorded, with nothing run."""
    path, verdict = write_report(smoke)
    assert path.is_file() and verdict["profile"] == "smoke"


def test_markdown_shows_what_is_missing(smoke):
    """verdict.md names what to get, how, for how long and how much."""
    _, verdict = write_report(smoke)
    text = as_markdown(verdict)
    assert text.startswith("# Not enough evidence") and "a measured run on inf2.xlarge" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (0.123456, "0.1235"), (3, "3"), ("cpu", "cpu"), (float("nan"), "nan")]
)
def test_figures_are_shown_to_four_digits(value, shown):
    """None is a dash; text stays."""
    assert number(value) == shown
