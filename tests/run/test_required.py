import pytest
import yaml

from blipkit.errors import BadInput
from blipkit.paths import PROFILES, PUBLISHED
from blipkit.profiles.profile import Profile, load_profile, read_profile
from blipkit.profiles.sections import chapters
from blipkit.records.documents import rows_in
from blipkit.renamed import GATES
from blipkit.run.required import check_required, judges, required_of

FOLDERS = [path.parent for path in sorted(PUBLISHED.glob("*/*/run.json"))]


def requiring(*gates: str, **common) -> Profile:
    return Profile("made", {"common": {"required": list(gates), **common}})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_gate_that_was_ever_judged_is_known_with_its_chapter(folder):
    """By its name of today; of published runs, whose profiles say the arms."""
    known = judges(read_profile(folder))
    for path in folder.glob("records/gates_*.jsonl"):
        stem = path.stem.removeprefix("gates_")
        assert {row["gate"]: stem for row in rows_in(path)}.items() <= known.items()


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_our_profiles_require_can_be_judged(path):
    """Nothing of it is misspelt, and all of it counts where every chapter runs."""
    profile = load_profile(str(path))
    check_required(profile)
    assert required_of(profile, chapters()) == profile.common.required


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("machin", "nothing here has the gate 'machin'; did you mean 'machine'"),
        ("accuracy of pets", "nothing here has the gate 'accuracy of pets'"),
        ("anwers under load", "did you mean 'answers under load'"),
        ("decisions eager float32", "nothing here has the gate 'decisions eager float32'"),
        ("saving of p5.48xlarge", "did you mean 'saving of inf2.xlarge'"),
        ("03_parity", "nothing here has the gate '03_parity'"),
        ("", "nothing here has the gate ''"),
        ("m" * 10**5, r"nothing here has the gate 'mmm.*\.\.\.m"),
    ],
    ids=range(8),
)
def test_a_gate_that_no_chapter_judges_is_refused_at_the_start(gate, message):
    """It would never be measured, whatever ran."""
    with pytest.raises(BadInput, match=f"common.required: .*{message}"):
        check_required(requiring("machine", gate))


def test_only_the_chapters_that_run_are_asked_for_their_gates():
    """A run of one chapter does not fail for what others measure."""
    gates = ["machine", "accuracy", "answers under load", "lowering text_encoder"]
    profile = requiring(*gates)
    assert required_of(profile, ["03_parity"]) == ["accuracy"]
    assert required_of(profile, ["00_environment", "02_trace"]) == gates[::3]
    assert required_of(profile, chapters()) == gates and required_of(profile, []) == []


def test_a_gate_may_be_required_by_its_older_name():
    """What was renamed is known by both, and counts by the newer."""
    profile = requiring(*GATES)
    check_required(profile)
    assert required_of(profile, chapters()) == list(GATES.values())


def test_a_recorded_profile_requires_by_todays_names(tmp_path):
    """A results folder's profile runs again, whatever its gates were called."""
    written = {"common": {"required": list(GATES)}}
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump(written))
    assert read_profile(tmp_path).common.required == list(GATES.values())
