import os
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from blipkit.errors import BadInput
from blipkit.frames import frames as module
from blipkit.frames.frames import (
    Frame,
    check_labels,
    fixed_frame,
    images,
    load_frames,
    synthetic_frames,
)
from blipkit.frames.questions import parse_questions
from blipkit.frames.scenes import QUESTIONS

HEADER = "file,question,answer\n"


def test_drawn_frames_carry_their_answers():
    """Each frame has a name of its own and a right answer to every built-in question."""
    frames = synthetic_frames(4, seed=3)
    assert len({f.name for f in frames}) == 4 and all(
        set(f.answers) == set(QUESTIONS) for f in frames
    )
    assert images(frames) == [f.image for f in frames]


def test_the_fixed_frame_is_fixed():
    """It is the same picture at each call, so that its pixels can be compared across machines."""
    assert fixed_frame().tobytes() == fixed_frame().tobytes()


def test_drawn_is_a_source_of_frames():
    """`synthetic` gives the synthetic scenes, and a longer series is the shorter one and more."""
    assert load_frames("synthetic", 3, 5) == synthetic_frames(6, 5)[:3]


def fill(folder, *names):
    """One small image of its own grey for each name."""
    folder.mkdir(exist_ok=True)
    for value, name in enumerate(names):
        Image.new("RGB", (4, 3), (value, value, value)).save(folder / name)
    return folder


def label(folder, text, encoding="utf-8"):
    (folder / "labels.csv").write_bytes(text.encode(encoding))
    return str(folder)


def names(folder, count, seed=3, **options):
    return [f.name for f in load_frames(str(folder), count, seed, **options)]


def test_a_folder_gives_its_images_by_name(tmp_path):
    """Hidden files, Thumbs.db, labels.csv and folders are no frames; every other file is one, named by its file."""
    folder = fill(tmp_path / "f", "b.png", "a.JPG", "c d.webp")
    (folder / "inner").mkdir()
    for name in (".hidden.png", "Thumbs.db"):
        (folder / name).write_text("no image")
    label(folder, HEADER)
    frames = load_frames(str(folder), 10, seed=1)
    assert sorted(f.name for f in frames) == ["a.JPG", "b.png", "c d.webp"]
    assert all(f.image.mode == "RGB" and f.image.size == (4, 3) and f.answers == {} for f in frames)


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("twelve"), *(f"{i}.png" for i in range(12)))


@given(st.integers(0, 14), st.integers(0, 14), st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(twelve, one, other, seed):
    """Frames of a folder are distinct, as many as asked for or as there are, and a prefix at any smaller count."""
    small, large = (names(twelve, count, seed) for count in sorted((one, other)))
    assert small == large[: min(one, other)] and len(set(large)) == len(large) == min(
        12, max(one, other)
    )


def test_the_seed_chooses_the_sample(twelve):
    """The same seed chooses the same images, another seed others."""
    first, again, other = (names(twelve, 5, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_the_order_of_a_listing_does_not_matter(twelve, monkeypatch):
    """Every file system gives the same sample, in whatever order it lists a folder."""
    expected, listed = names(twelve, 5), sorted(twelve.iterdir())
    for order in (listed, listed[::-1]):
        monkeypatch.setattr(type(twelve), "iterdir", lambda self, order=order: iter(order))
        assert names(twelve, 5) == expected


def test_a_frame_of_a_folder_is_decoded_when_it_is_asked_for(tmp_path):
    """No pixels are kept: the file as it is now is what is seen, and a file that broke since is named."""
    (frame,) = load_frames(str(fill(tmp_path / "f", "a.png")), 1, seed=1)
    Image.new("RGB", (4, 3), "red").save(frame.source)
    assert frame.image.getpixel((0, 0)) == (255, 0, 0)
    frame.source.write_bytes(b"")
    with pytest.raises(BadInput, match=r"'a.png' is empty"):
        frame.image  # noqa: B018


def test_images_are_decoded_one_by_one(twelve, monkeypatch):
    """An index decodes one image, a slice its own, a loop each in turn, and their number none."""
    opened = []
    pictures = images(load_frames(str(twelve), 12, seed=1))
    monkeypatch.setattr(
        module, "read_image", lambda path: opened.append(path.name) or Image.new("RGB", (1, 1))
    )
    assert len(pictures) == 12 and not opened
    assert pictures[-1].size == (1, 1) and len(opened) == 1
    assert isinstance(pictures[2:5], list) and len(opened) == 4
    assert next(iter(pictures)).size == (1, 1) and len(opened) == 5
    assert len(list(pictures)) == 12 and len(opened) == 17


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: None, r"does not exist; expected 'synthetic' or a folder of images"),
        (lambda f: f.write_text(""), "is a file; expected 'synthetic' or a folder of images"),
        (lambda f: f.mkdir(), "holds no images; expected images directly in it"),
        (
            lambda f: (f / "inner").mkdir(parents=True),
            "holds only folders; expected images directly in it",
        ),
    ],
)
def test_a_folder_without_images_is_refused(tmp_path, make, message):
    """No folder, a file, an empty folder and one of folders are told apart."""
    make(tmp_path / "mine")
    with pytest.raises(BadInput, match=f"mine' {message}"):
        load_frames(str(tmp_path / "mine"), 5, seed=1)


def test_a_link_to_nothing_is_refused_by_name(tmp_path):
    """A link whose file is gone counts as an image that cannot be read, not as no image."""
    (fill(tmp_path / "f", "a.png") / "gone.png").symlink_to(tmp_path / "nothing.png")
    with pytest.raises(BadInput, match="'gone.png' cannot be decoded: .*No such file"):
        names(tmp_path / "f", 5)


def test_all_bad_files_are_told_at_once(tmp_path):
    """One message names five of them, counts the others and says what to do."""
    for i in range(7):
        (tmp_path / f"{i}.jpg").write_bytes(b"")
    with pytest.raises(BadInput) as error:
        names(tmp_path, 9)
    assert str(error.value).startswith(f"frames {str(tmp_path)!r}: 7 of 7 images cannot be used: '")
    assert str(error.value).count("is empty") == 5
    assert str(error.value).endswith(
        "; and 2 more. Repair or remove them, or set common.skip_unreadable to true"
    )


def test_only_the_chosen_files_are_checked(tmp_path):
    """A bad file that was not drawn stops nothing and is not counted."""
    folder = fill(tmp_path / "f", *(f"{i}.png" for i in range(8)))
    chosen = names(folder, 4)
    for path in folder.iterdir():
        if path.name not in chosen:
            path.write_bytes(b"")
    assert names(folder, 4) == chosen
    (folder / chosen[0]).write_bytes(b"")
    with pytest.raises(
        BadInput,
        match=rf"1 of 4 images cannot be used: '{chosen[0]}' is empty \(0 bytes\)\. Repair",
    ):
        names(folder, 4)


def test_unreadable_files_are_skipped_where_that_is_allowed(tmp_path, capsys):
    """The next files take their places, so that the count is reached where it can be, and a line names them."""
    folder = fill(tmp_path / "f", *(f"{i}.png" for i in range(8)))
    order = names(folder, 8)
    (folder / order[1]).write_bytes(b"")
    assert names(folder, 4, skip_unreadable=True) == [order[0], *order[2:5]]
    assert f"1 of 5 images cannot be used: '{order[1]}' is empty" in capsys.readouterr().out
    assert len(names(folder, 8, skip_unreadable=True)) == 7
    assert "1 of 8" in capsys.readouterr().out


def test_nothing_left_is_refused_even_where_skipping_is_allowed(tmp_path):
    """A folder of unreadable files only is refused, with the advice that is left."""
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match=r"1 of 1 images.*Repair or remove them$"):
        names(tmp_path, 4, skip_unreadable=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_labels_become_answers(tmp_path, encoding, newline):
    """labels.csv gives a frame its answers; space around a value, a blank line and a repeated row mean nothing."""
    lines = [
        "file, question ,answer",
        "a.png,is it déjà vu?, yes",
        "",
        " a.png ,is it déjà vu?,yes",
        ",,",
    ]
    lines += ['a.png,"one, or two?",two', "b.png,is it déjà vu?,no"]
    folder = label(fill(tmp_path / "f", "a.png", "b.png", "c.png"), newline.join(lines), encoding)
    frames = {f.name: f.answers for f in load_frames(folder, 3, seed=1)}
    assert frames == {
        "a.png": {"is it déjà vu?": "yes", "one, or two?": "two"},
        "b.png": {"is it déjà vu?": "no"},
        "c.png": {},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: saw ''; expected the header file,question,answer"),
        ("file;question;answer\n", r"line 1: saw 'file;question;answer'; expected the header"),
        ("a.png,q?,yes\n", r"line 1: saw 'a.png,q\?,yes'; expected the header"),
        ("\na.png,q?,yes\n", r"line 2: saw 'a.png,q\?,yes'; expected the header"),
        (
            HEADER + "a.png,q?,\n",
            r"line 2: saw \['a.png', 'q\?', ''\]; expected a file, a question and an answer",
        ),
        (HEADER + "a.png,q?\n", r"line 2: saw \['a.png', 'q\?'\]; expected"),
        (HEADER + "a.png,q, or?,yes\n", r"line 2: .* \(a comma in a text needs quotes around it\)"),
        (
            HEADER + "a.jpg,q?,yes\n",
            r"line 2: no file 'a.jpg' in the folder; did you mean 'a.png'\?",
        ),
        (HEADER + "xyz,q?,yes\n", r"line 2: no file 'xyz' in the folder; known: a.png, b.png"),
        (
            HEADER + "a.png,q,yes\nb.png,q,yes\na.png,q,no",
            "line 4: 'a.png', 'q' is 'no' here and 'yes' above; keep one",
        ),
        (
            HEADER + 'a.png,"q?,yes\n',
            r"line 2: unexpected end of data; expected comma-separated values",
        ),
        (
            HEADER + "a.png,déjà vu?,yes\n",
            "line 2: is not UTF-8; expected comma-separated values, saved as UTF-8",
        ),
    ],
)
def test_a_bad_label_is_refused_by_its_line(tmp_path, text, message):
    """Header, missing values, unknown files, contradictions and another encoding are named with their line."""
    folder = label(fill(tmp_path / "f", "a.png", "b.png"), text, "latin-1")
    with pytest.raises(BadInput, match=f"labels.csv, {message}"):
        load_frames(folder, 2, seed=1)


def test_the_names_of_a_large_folder_do_not_fill_the_message(tmp_path):
    """An unknown file with no near name shows some of those that are there."""
    folder = label(
        fill(tmp_path / "f", *(f"{i:03}.png" for i in range(100))), HEADER + "zzz,q?,yes\n"
    )
    with pytest.raises(BadInput, match=r"known: 000.png, 001.png.* \.\.\.$") as error:
        load_frames(folder, 1, seed=1)
    assert len(str(error.value)) < 500 + len(folder)


def test_labels_that_answer_nothing_asked_are_refused(tmp_path):
    """Labels for other questions than those asked are a mistake; one that is asked is enough, and so is no label."""
    folder = label(fill(tmp_path / "f", "a.png"), HEADER + "a.png,is the dog barking,yes\n")
    frames = load_frames(folder, 1, seed=1)
    check_labels(frames, parse_questions(["is the dog barking", "what is it?"]))
    check_labels([Frame("b", frames[0].source)], parse_questions(["what is it?"]))
    check_labels(synthetic_frames(1, seed=1), parse_questions(["what is it?"]))
    with pytest.raises(
        BadInput,
        match=r"none of its questions is asked; write them as in common.questions. 'is the dog barking': did you mean 'is the dog barking\?'\?",
    ):
        check_labels(frames, parse_questions(["is the dog barking?", "what is it?"]))


def test_a_label_that_no_answer_can_equal_is_refused(tmp_path):
    """Answers are compared letter by letter, so a label must be one of the candidates; an open question takes any."""
    folder = label(fill(tmp_path / "f", "a.png"), HEADER + "a.png,is the dog barking?,Yes\n")
    frames = load_frames(folder, 1, seed=1)
    with pytest.raises(
        BadInput,
        match="'a.png', 'is the dog barking\\?' is 'Yes', no candidate.*did you mean 'yes'",
    ):
        check_labels(frames, parse_questions(["is the dog barking?"]))
    check_labels(frames, parse_questions([{"text": "is the dog barking?", "candidates": "open"}]))


COMPOSED, APART = (unicodedata.normalize(form, "hündin.png") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("file", [COMPOSED, APART])
@pytest.mark.parametrize("row", [COMPOSED, APART])
def test_a_label_finds_its_file_however_accents_are_written(tmp_path, file, row):
    """Names of files, questions and answers are compared with their accents composed."""
    folder = fill(tmp_path / "f", file)
    if [path.name for path in folder.iterdir()] != [file]:
        pytest.skip("this file system writes accents in its own way")
    asked = unicodedata.normalize("NFD", "schläft der hund?")
    (frame,) = load_frames(label(folder, f"{HEADER}{row},{asked},{APART}\n"), 1, seed=1)
    assert frame.name == COMPOSED and frame.image.size == (4, 3)
    assert frame.answers == {unicodedata.normalize("NFC", asked): COMPOSED}
    check_labels([frame], parse_questions([{"text": asked, "candidates": [APART, "no"]}]))


def test_two_files_that_look_the_same_are_refused(tmp_path):
    """A label could mean either."""
    folder = fill(tmp_path / "f", COMPOSED, APART)
    if len(list(folder.iterdir())) < 2:
        pytest.skip("this file system takes both for one")
    with pytest.raises(
        BadInput, match="two files whose names look the same .*; rename one of them"
    ):
        load_frames(str(folder), 2, seed=1)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("nowhere", path)])
def test_labels_that_are_no_file_are_refused(tmp_path, make):
    """A pipe would be waited for; a folder, or a link to nothing, is not no labels at all."""
    folder = fill(tmp_path / "f", "a.png")
    make(folder / "labels.csv")
    with pytest.raises(BadInput, match="labels.csv is no file; expected a table with the header"):
        load_frames(str(folder), 1, seed=1)


def test_a_pipe_among_the_images_is_refused_by_name(tmp_path):
    """It is not waited for."""
    folder = fill(tmp_path / "f", "a.png")
    os.mkfifo(folder / "b.png")
    with pytest.raises(BadInput, match="1 of 2 images cannot be used: 'b.png' is no file"):
        load_frames(str(folder), 2, seed=1)


@pytest.mark.parametrize("name", ["a\0", "~nouser-of-this-name/x", "a" * 300])
def test_a_name_that_no_folder_can_have_is_refused(name):
    """NUL, a home of nobody, and names that are too long end in one sentence."""
    with pytest.raises(BadInput, match=r"^frames '.*; ?expected 'synthetic' or a folder") as error:
        load_frames(name, 1, seed=1)
    assert len(str(error.value)) <= 500
