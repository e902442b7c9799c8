import ast
import os
from dataclasses import dataclass, fields

import nbformat
import papermill
import pytest

from blipkit.errors import BadInput
from blipkit.paths import NOTEBOOKS, PROFILES
from blipkit.profiles import sections as homes
from blipkit.profiles.knobs import (
    BUSY,
    SHARE,
    ZERO_OR_MORE,
    Section,
    check_fields,
    default_of,
    knob,
    types_of,
)
from blipkit.profiles.profile import load_profile, read_profile, section_in, translated
from blipkit.profiles.sections import chapters, section_class, section_of, sections
from blipkit.run.notebooks import choose
from blipkit.study import RUN_OWN, open_study

PROFILE_FILES = sorted(PROFILES.glob("*.yaml"))


def profile(tmp_path, text: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return load_profile(str(path))


@pytest.mark.parametrize("path", PROFILE_FILES, ids=lambda p: p.stem)
def test_every_profile_key_is_a_knob_of_its_section(path):
    """Each key of params/*.yaml stands in a chapter's parameters cell, as papermill reads it, or is one that they share."""
    loaded = load_profile(str(path))
    for section, values in loaded.sections.items():
        if section == "common":
            known = {one.name for one in fields(section_class("common"))}
        else:
            stem = next(stem for stem in chapters() if section_of(stem) == section)
            known = set(papermill.inspect_notebook(str(NOTEBOOKS / f"{stem}.ipynb")))
        assert set(values) <= known


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_our_reading_of_knobs_is_papermills(path):
    """Names of the knobs are those that papermill finds, and each has its reason, there and in the package."""
    cls = section_class(section_of(path.stem))
    declared = {one.name for one in fields(cls)}
    assert {*RUN_OWN, *declared} == set(papermill.inspect_notebook(str(path)))
    cells = nbformat.read(path, as_version=4).cells
    source = next(c.source for c in cells if "parameters" in c.metadata.get("tags", []))
    lines = source.splitlines()
    assert all(
        lines[one.end_lineno - 1].partition("  # ")[2].strip() for one in ast.parse(source).body
    )
    assert all(one.metadata["meaning"].strip() for one in fields(cls))


def test_a_knob_has_one_home():
    """No two sections have a knob of one name and another meaning; what several chapters read is in `common`."""
    shared = {one.name for one in fields(section_class("common"))}
    for name, cls in sections().items():
        assert cls.name == name
        if name != "common":
            assert not shared & {one.name for one in fields(cls)}
    assert {section_of(stem) for stem in chapters()} | {"common"} == set(sections())


@pytest.mark.parametrize("name", list(homes.HOMES))
def test_a_default_is_a_value_that_its_own_knob_allows(name):
    """What no profile says passes the same checks as what one says, and a section made twice shares no list."""
    cls = section_class(name)
    defaults = {one.name: default_of(one) for one in fields(cls)}
    check_fields(cls, defaults, name)
    assert set(types_of(cls)) == set(defaults)
    first, second = cls(), cls()
    assert first == second
    for one in fields(cls):
        value = getattr(first, one.name)
        assert not isinstance(value, list | dict) or value is not getattr(second, one.name)


def test_gpu_and_inf2_ask_the_same():
    """What two machines are compared on is alike: all but the arms, the machine and its price, and what each chooses to run at its best."""
    gpu, inf2 = (load_profile(name).resolved() for name in ("gpu", "inf2"))
    different = {f"{s}.{key}" for s in gpu for key in gpu[s] if gpu[s][key] != inf2[s][key]}
    own = {
        "common.arms",
        "common.required",
        "environment.expect",
        "concurrency.arms_under_load",
        "cost.priced_as",
    }
    own.add("concurrency.placements")  # what it is placed on is part of a machine
    own |= {"common.buckets", "concurrency.batch_sizes", "concurrency.clients"}
    assert different == own
    written = {
        (section, key)
        for name in ("gpu", "inf2")
        for section, keys in load_profile(name).sections.items()
        for key in keys
    }
    compared = {
        ("parity", "frames"),
        *(("concurrency", k) for k in ("seconds", "percentile", "latency_limit_ms")),
    }
    assert compared | {("common", "seed"), ("common", "frames_from")} <= written


def test_inf2_dry_is_inf2_as_far_as_no_device_is_needed():
    """Same questions and frames, the shape of a request alone, as batches are for a machine's load; the chapters without load and cost; emulated arms alone."""
    dry, inf2 = (load_profile(name).resolved()["common"] for name in ("inf2-dry", "inf2"))
    assert all(dry[key] == inf2[key] for key in ("questions", "frames_from", "seed"))
    assert dry["buckets"] == [bucket for bucket in inf2["buckets"] if bucket["frames"] == 1]
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
    assert changed.section("parity").frames == 7
    assert changed.common.questions == ["is the dog barking?"]
    assert changed.common.seed == 3
    assert changed.settings == ["parity.frames", "common.questions"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parity:\n  frame: 3\n", "unknown key 'frame'; did you mean 'frames'"),
        ("party:\n  frames: 3\n", "unknown section 'party'; did you mean 'parity'"),
        ("parity:\n  frames: many\n", "frames is 'many'; expected a valid integer"),
        ("parity:\n  frame_flip_limit: 1e-3\n", r"frame_flip_limit is '1e-3'; .*write 1.0e-3"),
        ("parity:\n  frames: true\n", "frames is True"),
        (
            "common:\n  arms: torchscript float32\n",
            r"arms is 'torchscript float32'; expected a valid list, such as \['torchscript float32'\]",
        ),
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
        (
            "questions=[{text: dog, candidates: [a, '']}]",
            "questions.0.candidates.1 is empty; expected a text",
        ),
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


@pytest.fixture
def cell(tmp_path) -> dict:
    """What stands in 03's namespace after its parameters cell, and what a kernel has put there besides."""
    own = {one.name: default_of(one) for one in fields(section_class("parity"))}
    run = {"results": str(tmp_path), "profile": "tiny", "replay": ""}
    return {**own, **run, "In": [], "get_ipython": print, "_": 1, "os": ast, "__annotations__": {}}


def test_a_notebook_refuses_what_papermill_lets_pass(cell):
    """Its second cell opens the study, which knows its knobs: a typo or a wrong type stops there."""
    study = open_study("03_parity", cell)
    assert study.knobs.frames == cell["frames"] and study.common.seed == 3
    with pytest.raises(BadInput, match="unknown key 'frmaes'; did you mean 'frames'"):
        open_study("03_parity", {**cell, "frmaes": 4})
    with pytest.raises(BadInput, match="frames is 'false'"):
        open_study("03_parity", {**cell, "frames": "false"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replay": None}, "replay is None; expected a text"),
        ({"results": 3}, "results is 3; expected a text"),
        ({"frames": 0}, "parity: frames is 0; expected more than zero"),
        ({"seed": 3}, "parity: unknown key 'seed'; it belongs to common"),
    ],
)
def test_a_cell_that_no_chapter_could_mean_is_refused(cell, change, message):
    """What a run sets itself must be a text, a number must be in its range, a common knob is the profile's to say."""
    with pytest.raises(BadInput, match=f"parameters of this notebook: {message}"):
        open_study("03_parity", {**cell, **change})


def test_a_cell_that_lacks_a_knob_is_refused(cell):
    """It is named, and so are those that belong there."""
    del cell["frames"]
    with pytest.raises(
        BadInput,
        match="parameters of this notebook: no frames; expected results, profile, replay, ",
    ):
        open_study("03_parity", cell)


def test_a_study_says_where_each_knob_came_from(cell):
    """A default, the profile's file, or the notebook's own cell."""
    rows = {row.knob: row for row in open_study("03_parity", {**cell, "frames": 7}).knob_rows()}
    assert rows["parity.frames"].origin == "cell" and rows["parity.frames"].value == "7"
    assert rows["common.skip_unreadable"].origin == "default"
    assert all(row.meaning for row in rows.values())
    changed = load_profile("tiny", ["parity.frames=7"])
    assert changed.origin("parity", "frames", 7) == "--set"
    stated = load_profile("gpu")
    assert stated.origin("parity", "frames", stated.section("parity").frames) == "profile"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_are_clean_sources(path):
    """Committed without outputs, for kernel python3, the run's knobs among its own, short cells, text between them."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not c.outputs and c.execution_count is None for c in code)
    assert [c for c in code if "parameters" in c.metadata.get("tags", [])] == code[:1]
    assert set(RUN_OWN) <= set(papermill.inspect_notebook(str(path)))
    assert sum(c.cell_type == "markdown" for c in notebook.cells) >= len(code) / 2
    assert f'open_study("{path.stem}", globals())' in code[1].source
    assert notebook.cells[0].source.startswith(f"# {path.stem[:2]} ")
    assert max(len(c.source.splitlines()) for c in code[1:]) <= 15


def test_a_notebook_that_no_profile_could_address_is_refused(tmp_path, monkeypatch):
    """It needs a section of its own, which the message says where to add."""
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "00_first.ipynb")
    monkeypatch.setattr(homes, "NOTEBOOKS", tmp_path)
    with pytest.raises(
        BadInput, match=r"00_first.ipynb has no section 'first'; .*profiles/sections.py"
    ):
        chapters.__wrapped__()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("trace.frames=3", "unknown key 'frames'; it belongs to parity"),
        ("concurrency.p99_limit_ms=3.0", "it is concurrency.latency_limit_ms now"),
        (
            "environment.expect=gpu",
            r"expect is 'gpu'; did you mean '.*'|expect is 'gpu'; known: cpu, cuda, neuron",
        ),
    ],
)
def test_a_key_in_the_wrong_place_is_told_where_it_belongs(setting, message):
    """Another section's, an older kit's, or a text that is none of those it can be."""
    with pytest.raises(BadInput, match=message):
        load_profile("tiny", [setting])


def test_an_older_kits_profile_is_read_in_todays_words(tmp_path):
    """A recorded folder's old key becomes the new one, with what it implied; an unknown one is left out."""
    raw = {"concurrency": {"p99_limit_ms": 250.0}}
    assert translated(raw) == {"concurrency": {"latency_limit_ms": 250.0, "percentile": 99.0}}
    assert raw == {"concurrency": {"p99_limit_ms": 250.0}}
    (tmp_path / "profile.yaml").write_text("concurrency:\n  p99_limit_ms: 250.0\n  forgotten: 1\n")
    assert read_profile(tmp_path).sections["concurrency"]["latency_limit_ms"] == 250.0
    knobs = section_in(tmp_path, "concurrency")
    assert (knobs.latency_limit_ms, knobs.percentile) == (250.0, 99.0)


@dataclass(frozen=True, kw_only=True)
class Made(Section):
    """A section for the test below."""

    name = "made"

    count: int = knob(1, "how many")
    seed: int = knob(0, "where to begin", within=ZERO_OR_MORE)
    part: float = knob(0.5, "how much of it", within=SHARE)
    busy: float = knob(0.5, "how much of the time", within=BUSY)
    kind: str = knob("a", "which", one_of=("a", "b"))
    words: list[str] = knob([], "any", may_be_empty=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count is 0; expected more than zero"),
        ({"seed": -1}, "seed is -1; expected zero or more"),
        ({"part": 1.0}, "part is 1.0; expected a share, at least 0 and less than 1"),
        ({"busy": 1.1}, "busy is 1.1; expected 0 for not stated, else a share of the time"),
        (
            {"busy": float("nan")},
            "busy is nan; expected 0 for not stated, else a share of the time",
        ),
        ({"kind": "c"}, "kind is 'c'; known: a, b"),
        ({"words": [1]}, "words.0 is 1; expected a valid string"),
        ({"cuont": 1}, "unknown key 'cuont'; did you mean 'count'"),
    ],
)
def test_a_knob_refuses_what_it_cannot_mean(values, message):
    """By type, range and the texts it can be; the edges that it can mean pass."""
    check_fields(
        Made, {"count": 1, "seed": 0, "part": 0.0, "busy": 1.0, "kind": "b", "words": []}, "made"
    )
    with pytest.raises(BadInput, match=f"made[:.] ?{message}"):
        check_fields(Made, values, "made")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "parity:\n  frames: 2026-13-45\n",
            "YAML that is not read here .'2026-13-45' is no timestamp .*in line 2",
        ),
        ("parity:\n  frames: 0b_\n", "YAML that is not read here .'0b_' is no int .*in line 2"),
        ("parity:\n  frames: 9" + "9" * 5000, "YAML that is not read here .*is no int .*in line 2"),
        ("parity:\n  frames: !!bool x\n", "YAML that is not read here .'x' is no bool .*in line 2"),
        ("parity: !!python/object/apply:os.system [id]\n", "tag '.*os.system', where only plain"),
        ("parity: " + "[" * 10**5, "nested more than 50 deep in line 1"),
        ("parity: &p\n  frames: *p\n", "alias .p stands in what it names in line 2"),
        ("parity:\n  frames: 3\0\n", "unacceptable character #x0000.* in line 2"),
        ("#" * 10**6 + "!", "has more than 1 MB; expected a profile"),
        ("parity: [frames]\n", "section 'parity' should be `key: value` lines, saw .'frames'."),
        (f"parity:\n  frames: {'m' * 10**5}\n", r"frames is 'mmm.*\.\.\.m.*'; expected a valid"),
        (f"{'s' * 900}: {{a: 1}}\n", r"unknown section 'sss.*\.\.\.s"),
    ],
    ids=range(12),
)
def test_what_yaml_would_do_is_not_done(tmp_path, text, message):
    """A profile that asks for code, memory or hours, or holds what is no value, is refused in a short sentence."""
    with pytest.raises(BadInput, match=message) as refused:
        profile(tmp_path, text)
    assert len(str(refused.value)) < 600


def test_merge_keys_are_read_as_yaml_says(tmp_path):
    """What sections share is written once; a section's own value wins, and --set reaches one of them."""
    text = "parity: &p {frames: 20}\nconcurrency: {<<: &q {seconds: 5}}\ncost: {}\n"
    loaded = profile(tmp_path, text + "components:\n  <<: {check_frames: 4}\n  check_frames: 6\n")
    assert loaded.section("concurrency").seconds == 5
    assert loaded.section("components").check_frames == 6 and loaded.section("parity").frames == 20
    text = "common: {buckets: &b [{frames: 1, questions: 5, tokens: 8}]}\n"
    with pytest.raises(BadInput, match="unknown key 'buckets'; it belongs to common"):
        profile(tmp_path, text + "parity: {<<: {buckets: *b}}\n")


@pytest.mark.parametrize("made", ["folder", "pipe", "long", "NUL"])
def test_a_profile_is_a_file(tmp_path, made):
    """A folder, a pipe or a name that cannot be is refused at once."""
    path = {"long": tmp_path / ("n" * 300), "NUL": tmp_path / "n\0"}.get(made, tmp_path / made)
    if made == "folder":
        path.mkdir()
    elif made == "pipe":
        os.mkfifo(path)
    with pytest.raises(BadInput, match=r"is a folder|is no regular file|no file .*n"):
        load_profile(f"{path}/" if made == "long" else str(path))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("parity.frames=many", "--set parity.frames=many: parity: frames is 'many'"),
        ("parity.frames=0", "--set parity.frames=0: parity: frames is 0; expected more than zero"),
        ("parity.frame=7", "--set parity.frame=7: parity: unknown key 'frame'"),
        ("party.frames=7", "--set party.frames=7: unknown section 'party'"),
        (
            "parity.frames=!!bool x",
            "'parity.frames=!!bool x': the value is YAML that is not read here .'x' is no",
        ),
        (
            "parity.frames=2026-13-45",
            "the value is YAML that is not read here .'2026-13-45' is no timestamp",
        ),
        ("parity.frames=[", "'parity.frames=.': the value is not YAML"),
        ("parity.frames=" + "[" * 10**5, r"--set 'parity.frames=\[.*nested more than 50 deep"),
        ("parity.frames=" + "9" * 10**5, r"--set 'parity.frames=999.*is no int"),
    ],
    ids=range(9),
)
def test_what_a_setting_got_wrong_is_said_of_the_setting(setting, message):
    """Errors of --set name the option as it was typed, not the profile."""
    with pytest.raises(BadInput, match=message) as refused:
        load_profile("tiny", [setting])
    assert "tiny.yaml" not in str(refused.value) and len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "parity: {frames: many}\n",
            "profile.yaml: parity: frames is 'many'; expected a valid int",
        ),
        ("common: {arms: 3}\n", "profile.yaml: common: arms is 3; expected a valid list"),
        ("common: {required: {a: 1}}\n", "profile.yaml: common: required is .*a valid list"),
        ("common: 3\n", "profile.yaml: section 'common' should be `key: value` lines, saw 3"),
        ("cost: {region: !!timestamp x}\n", "profile.yaml: YAML that is not read"),
        ("[1]\n", "profile.yaml: expected sections"),
    ],
)
def test_a_recorded_profile_of_other_types_is_refused_by_knob(tmp_path, text, message):
    """What stands in a results folder's profile.yaml is checked before anybody counts with it."""
    (tmp_path / "profile.yaml").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_profile(tmp_path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("parity.frames=1000001", "frames is 1000001; expected more than zero, at most 1,000,000"),
        ("common.threads=5000", "threads is 5000; expected more than zero, at most 4,096"),
        (
            "concurrency.clients=[1, 1000000]",
            "clients.1 is 1000000; expected more than zero, at most 4,096",
        ),
        (
            "components.check_frames=9000000000000000000",
            "expected more than zero, at most 1,000,000",
        ),
    ],
)
def test_what_would_fill_the_memory_is_refused_first(setting, message):
    """A zero too many is a slip, and is said before anything is made or started so often."""
    with pytest.raises(BadInput, match=message):
        load_profile("tiny", [setting])


def test_a_section_nobody_knows_is_named_whatever_stands_in_it(tmp_path):
    """Also where a --set would change it; a recorded profile is read without it."""
    path = tmp_path / "profile.yaml"
    path.write_text("party: 3\n")
    with pytest.raises(BadInput, match="unknown section 'party'"):
        load_profile(str(path), ["party.frames=3"])
    assert read_profile(tmp_path).sections == {}


def test_what_is_yaml_is_not_said_to_be_none(tmp_path):
    """An alias in what it names is YAML, and no value."""
    with pytest.raises(BadInput, match="YAML that is not read here .alias .q stands in") as said:
        profile(tmp_path, "common:\n  questions: &q [*q]\n")
    assert "not YAML" not in str(said.value)
    merged = profile(tmp_path, "concurrency:\n  <<: {warmup: 0.2}\n  seconds: 0.5\n")
    assert merged.sections == {"concurrency": {"warmup": 0.2, "seconds": 0.5}}
