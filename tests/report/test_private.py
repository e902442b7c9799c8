"""Paths that stay on this machine do so, however they are spelt."""

import html
import json
import os
from urllib.parse import quote

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from made_up import make

from blipkit.paths import NOTEBOOKS
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.run_record import ChapterRun, RunRecord, read_run, write_run
from blipkit.report.page import write_report
from blipkit.report.private import Hidden, has_private_frames, hidden_in

SECRET = "/data/Zoë's clients & <co>/cams"
NAMES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="/\x7f"), min_size=3
).filter(lambda name: name.strip(". ") and name.strip() == name)


@given(customer=NAMES, last=NAMES, around=st.text("a b'\"(:,.", max_size=5))
def test_a_folder_of_frames_is_hidden_in_text_html_json_and_addresses(customer, last, around):
    """Nothing of what stands before its last name comes through."""
    path = f"/data/{customer}/{last}"
    hidden = Hidden((path,))
    for spelt in (str, html.escape, lambda text: json.dumps(text)[1:-1], quote):
        text = f"{around}{spelt(path)}/1.png{around}"
        shown = f"{around}{spelt(f'.../{last}')}/1.png{around}"
        assert hidden.in_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/zoe/models: no", "~/models: no"),
        ("in /srv/zoe.", "in ~."),
        ("'../../../srv/zoe/results'", "'~/results'"),
        ("file:///srv/zoe/a", "file://~/a"),
        ("/data/srv/zoe/a and /srv/zoel/a", "/data/srv/zoe/a and /srv/zoel/a"),
        ("/home/ubuntu/a, /Users/b.c/d", "~/a, ~/d"),
        ("https://example.org/home/page", "https://example.org/home/page"),
        ("results/home/x", "results/home/x"),
    ],
)
def test_a_home_folder_becomes_a_tilde(text, shown):
    """This user's, wherever it is, and others' where homes usually are; not what only looks alike."""
    assert Hidden(home="/srv/zoe").in_text(text) == shown


def test_a_home_that_is_the_root_hides_nothing():
    """As of a service without a home of its own."""
    assert Hidden(home="/").in_text("/data/x") == "/data/x"


def test_values_are_hidden_at_any_depth():
    """Texts in lists, values and keys; what is no text stays as it is."""
    hidden = Hidden((SECRET,))
    value = {SECRET: [1, None, {"a": f"{SECRET}/1.png"}, 0.5]}
    assert hidden.in_value(value) == {".../cams": [1, None, {"a": ".../cams/1.png"}, 0.5]}


def notebook_of(path, profile, *outputs) -> None:
    """An executed chapter with its parameters cell and what a cell of it showed."""
    notebook = nbformat.v4.new_notebook()
    tags = {"tags": ["parameters"]}
    stated = nbformat.v4.new_code_cell(f"profile: str = {profile!r}  # its name", metadata=tags)
    shown = nbformat.v4.new_code_cell(f"look({SECRET!r})", outputs=list(outputs))
    notebook.cells = [stated, shown]
    nbformat.write(notebook, path)


def outputs() -> list:
    """What a cell may show of a path: text, a table, an error."""
    table = f"<table><caption>c</caption><tr><td>{html.escape(SECRET)}</td></tr></table>"
    return [
        nbformat.v4.new_output("stream", name="stdout", text=f"{SECRET}/1.png\n"),
        nbformat.v4.new_output("display_data", data={"text/html": table, "text/plain": SECRET}),
        nbformat.v4.new_output("error", ename="E", evalue=SECRET, traceback=[f"E: {SECRET}"]),
    ]


def test_no_byte_of_a_private_path_stands_in_the_report(tmp_path, monkeypatch):
    """Cells, outputs, errors, gates and the tables of the systems show its last name alone."""
    monkeypatch.setenv("HOME", "/srv/zoe")
    Results(tmp_path, "03_parity").write_gates([Gate("g", "answer", "FAIL", reason=f"{SECRET}!")])
    common = {"frames_from": SECRET, "checkpoint": "/srv/zoe/blip"}
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump({"common": common}))
    (tmp_path / "environment.json").write_text('{"name": "m"}')
    ended = ChapterRun("stopped", f"cell 2: BadInput: {SECRET} in /srv/zoe/blip")
    write_run(tmp_path, RunRecord("p", "now", notebooks={"03_parity": ended}))
    notebook_of(tmp_path / "03_parity.ipynb", "p", *outputs())
    page = write_report(tmp_path)[0].read_text(encoding="utf-8")
    for spelt in ("clients", "Zo", "/srv", os.path.relpath(SECRET, NOTEBOOKS)):
        assert spelt not in page
    assert ".../cams/1.png" in page and ".../cams!" in page and "~/blip" in page
    assert SECRET in read_run(tmp_path).notebooks["03_parity"].error, "the folder is the user's own"


def test_of_chapters_opened_by_hand_the_profile_that_they_name_counts(tmp_path):
    """Its folder of frames is hidden, too; where the profile is gone, pictures stay out all the same."""
    Results(tmp_path, "03_parity", "mine").write("k", [{"a": 1}])
    profile = tmp_path / "mine.yaml"
    profile.write_text(yaml.safe_dump({"common": {"frames_from": SECRET}}))
    notebook_of(tmp_path / "03_parity.ipynb", str(profile), *outputs())
    assert "clients" not in write_report(tmp_path)[0].read_text(encoding="utf-8")
    assert has_private_frames(tmp_path)
    profile.unlink()
    assert has_private_frames(tmp_path) and not hidden_in(tmp_path).frames
    notebook_of(tmp_path / "03_parity.ipynb", "smoke")
    assert not has_private_frames(tmp_path)


def test_a_folder_beside_hides_its_frames_too(tmp_path):
    """In the table of what differs between the systems."""
    folders = [make(tmp_path / name, common={"frames_from": f"{SECRET}{name}"}) for name in "ab"]
    page = write_report(folders[0], folders[1:])[0].read_text(encoding="utf-8")
    assert "clients" not in page and ".../camsa" in page and ".../camsb" in page
