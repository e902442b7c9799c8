import ast

import nbformat
import papermill
import pytest

from blipkit.profiles import profile
from blipkit.errors import BadInput
from blipkit.paths import NOTEBOOKS, PROFILES
from blipkit.profiles.profile import check_notebook, knobs_in, load_profile
from blipkit.run.notebooks import choose

PROFILE_FILES = sorted(PROFILES.glob("*.yaml"))


def profile(tmp_path, text: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return load_profile(str(path))


@pytest.mark.parametrize("path", PROFILE_FILES, ids=lambda p: p.stem)
def test_every_profile_key_is_a_knob_of_some_notebook(path):
    """Each key of params/*.yaml stands in a parameters cell, as papermill itself reads those cells."""
    loaded = load_profile(str(path))
    seen = {p.stem: set(papermill.inspect_notebook(str(p))) for p in NOTEBOOKS.glob("*.ipynb")}
    for section, values in loaded.sections.items():
        if section == "common":
            known = set().union(*seen.values()) | set(profile.RUN_KEYS)
        else:
            known = next(names for stem, names in seen.items() if profile.section_of(stem) == section)
        assert set(values) <= known


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_our_reading_of_knobs_is_papermills(path):
    """Names of the knobs are those that papermill finds, and each has its reason."""
    assert set(profile.notebooks()[path.stem]) == set(papermill.inspect_notebook(str(path)))
    cells = nbformat.read(path, as_version=4).cells
    source = next(c.source for c in cells if "parameters" in c.metadata.get("tags", []))
    lines = source.splitlines()
    assert all(lines[knob.end_lineno - 1].partition("  # ")[2].strip() for knob in ast.parse(source).body)


def test_a_knob_means_the_same_in_every_notebook():
    """Where two notebooks declare a knob, type and default agree."""
    seen = {}
    for stem, knobs in profile.notebooks().items():
        for name, knob in knobs.items():
            first = seen.setdefault(name, knob)
            assert (first.type, first.default) == (knob.type, knob.default), (stem, name)


def test_gpu_and_inf2_ask_the_same():
    """What two machines are compared on is alike: all but the arms, the machine and its price."""
    gpu, inf2 = (load_profile(name).resolved() for name in ("gpu", "inf2"))
    different = {f"{s}.{key}" for s in gpu for key in gpu[s] if gpu[s][key] != inf2[s][key]}
    own = {"common.arms", "common.required", "environment.expect", "concurrency.arms_under_load", "cost.priced_as"}
    own.add("concurrency.placements")  # what it is placed on is part of a machine
    assert different == own
    written = {
        (section, key)
        for name in ("gpu", "inf2")
        for section, keys in load_profile(name).sections.items()
        for key in keys
    }
    compared = {
        ("parity", "frames"),
        *(("concurrency", k) for k in ("servers", "clients", "seconds", "latency_limit_ms")),
    }
    assert compared | {("common", "seed"), ("common", "frames_from")} <= written


def test_inf2_dry_is_inf2_as_far_as_no_device_is_needed():
    """Same questions, frames and shapes; the chapters without load and cost; emulated arms alone."""
    dry, inf2 = (load_profile(name).resolved()["common"] for name in ("inf2-dry", "inf2"))
    assert all(dry[key] == inf2[key] for key in ("questions", "frames_from", "seed", "buckets"))
    assert choose(dry["only"]) == ["00_environment", "01_components", "02_trace", "03_parity"]
    assert all(arm.startswith("neuron_emulated ") for arm in dry["arms"])


def test_a_resolved_profile_repeats_itself(tmp_path):
    """The resolved profile, loaded again, resolves to itself."""
    import yaml

    resolved = load_profile("smoke").resolved()
    assert profile(tmp_path, yaml.safe_dump(resolved)).resolved() == resolved


def test_a_setting_changes_one_value():
    """--set reaches the notebook, typed, and leaves the rest."""
    changed = load_profile("tiny", ["parity.frames=7", 'common.questions=["is the dog barking?"]'])
    assert changed.parameters("03_parity", "x")["frames"] == 7
    assert changed.parameters("03_parity", "x")["questions"] == ["is the dog barking?"]
    assert changed.parameters("03_parity", "x")["seed"] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parity:\n  frame: 3\n", "unknown key 'frame'; did you mean 'frames'"),
        ("party:\n  frames: 3\n", "unknown section 'party'; did you mean 'parity'"),
        ("parity:\n  frames: many\n", "frames is 'many'; expected a valid integer"),
        ("parity:\n  flip_limit: 1e-3\n", r"flip_limit is '1e-3'; .*write 1.0e-3"),
        ("parity:\n  frames: true\n", "frames is True"),
        ("common:\n  arms: torchscript float32\n", "arms is 'torchscript float32'; expected a valid list"),
        ("parity: 3\n", "section 'parity' should be"),
        ("- a\n", "saw list"),
        ("a: [\n", "not YAML"),
        ("", "saw an empty file"),
        ("common:\n  results: x\n", "unknown key 'results'"),
    ],
)
def test_a_bad_profile_is_refused_by_key(tmp_path, text, message):
    """What was seen, what was expected: a typo or a wrong type never reaches a notebook."""
    with pytest.raises(BadInput, match=message):
        profile(tmp_path, text)


@pytest.mark.parametrize(
    "setting", ["frames=3", "parity.frames", "=3", "parity.=3", "parity.frames=[", "parity.frame=3"]
)
def test_a_bad_setting_is_refused(setting):
    """--set needs a section, a key that exists and YAML."""
    with pytest.raises(BadInput):
        load_profile("tiny", [setting])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("buckets=[]", "common: buckets is empty; expected at least one entry"),
        ("buckets=[3]", "common: buckets.0 is 3; expected a valid dictionary"),
        ("buckets=[{tokens: 0}]", "common: buckets.0.tokens is 0; expected more than zero"),
        ("questions=[]", "questions is empty; expected at least one entry"),
        ("questions=[' ']", "questions.0 is empty; expected a text"),
        ("questions=[{text: ''}]", "questions.0.text is empty; expected a text"),
        ("questions=[{text: dog, candidates: [a, '']}]", "questions.0.candidates.1 is empty; expected a text"),
    ],
)
def test_what_is_empty_or_no_size_is_refused_where_the_profile_is_read(setting, message):
    """However deep it stands, by its place; parse_buckets and parse_questions need not look again."""
    with pytest.raises(BadInput, match=message):
        load_profile("tiny", [f"common.{setting}"])


def test_binary_noise_is_no_profile(tmp_path):
    """A file that is not text is named."""
    path = tmp_path / "noise.yaml"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(BadInput, match="noise.yaml: not YAML"):
        load_profile(str(path))


def test_a_missing_profile_shows_the_nearest():
    """A name that is nearly right is shown the right one."""
    with pytest.raises(BadInput, match="did you mean 'smoke'"):
        load_profile("smok")


def test_a_notebook_refuses_what_papermill_lets_pass():
    """Its second cell knows its knobs from its annotations: a typo or a wrong type stops there."""
    fine = {"__annotations__": {"frames": int}, "frames": 3, "In": [], "get_ipython": print, "_": 1}
    check_notebook(fine)
    with pytest.raises(BadInput, match="unknown key 'frmaes'; did you mean 'frames'"):
        check_notebook({**fine, "frmaes": 4})
    with pytest.raises(BadInput, match="frames is 'false'"):
        check_notebook({**fine, "frames": "false"})


def test_a_parameters_cell_holds_only_knobs():
    """Anything but `name: type = default` is refused with its line."""
    with pytest.raises(BadInput, match="line 2"):
        knobs_in("a: int = 1  # fine\nb = 2\n")


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_are_clean_sources(path):
    """Committed without outputs, for kernel python3, the run's knobs among its own, short cells, text between them."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not c.outputs and c.execution_count is None for c in code)
    assert [c for c in code if "parameters" in c.metadata.get("tags", [])] == code[:1]
    assert set(profile.RUN_OWN) <= set(profile.notebooks()[path.stem])
    assert sum(c.cell_type == "markdown" for c in notebook.cells) >= len(code) / 2
    assert "check_notebook(globals())" in code[1].source
    assert notebook.cells[0].source.startswith(f"# {path.stem[:2]} ")
    assert max(len(c.source.splitlines()) for c in code[1:]) <= 15


@pytest.mark.parametrize(
    ("name", "tags", "message"),
    [
        ("00_first", [], "00_first.ipynb: 0 cells are tagged `parameters`; expected one"),
        ("00_common", ["parameters"], "the section 'common' is taken; give the notebook another name"),
    ],
)
def test_a_notebook_that_no_profile_could_address_is_refused(tmp_path, monkeypatch, name, tags, message):
    """It needs one parameters cell, and a section of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a: int = 1  # one", metadata={"tags": tags})])
    nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    monkeypatch.setattr(profile, "NOTEBOOKS", tmp_path)
    with pytest.raises(BadInput, match=message):
        profile.notebooks.__wrapped__()
