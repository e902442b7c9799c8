import pytest

from blipkit.display import progress


@pytest.fixture
def listened(tmp_path, monkeypatch):
    """A run that reads what its chapters say of themselves."""
    place = tmp_path / "notes"
    monkeypatch.setenv(progress.VARIABLE, str(place))
    return place


def test_a_run_hears_what_a_cell_is_at(listened, capsys):
    """Each step by its number and its name, in a file; nothing becomes an output of the notebook."""
    with progress.Steps(2, "measuring") as steps:
        steps.begin("1-1")
        steps.begin("1-2")
    assert listened.read_text() == "measuring 1 of 2: 1-1\nmeasuring 2 of 2: 1-2\n"
    assert capsys.readouterr() == ("", "")


def test_where_nobody_listens_nothing_is_said(monkeypatch, capsys):
    """A chapter that is executed by a test, or by bare papermill."""
    monkeypatch.delenv(progress.VARIABLE, raising=False)
    with progress.Steps(1, "measuring") as steps:
        steps.begin("1-1")
    assert capsys.readouterr() == ("", "")


def test_in_a_lab_there_is_a_bar(monkeypatch):
    """It moves with each step, and goes when the cell is done."""
    bars = []

    class Bar:
        def __init__(self, **options):
            self.options, self.calls = options, []
            bars.append(self)

        def __getattr__(self, name):
            return lambda *arguments: self.calls.append((name, *arguments))

    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    with progress.Steps(3, "compiling") as steps:
        steps.begin("text_encoder")
    (bar,) = bars
    assert bar.options == {"total": 3, "desc": "compiling", "leave": False}
    assert bar.calls == [("set_postfix_str", "text_encoder"), ("update",), ("close",)]
