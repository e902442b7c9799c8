"""What numba compiles is kept where something can be kept; without numba, one sentence says what to install."""

import sys

import pytest

from blipkit.capacity.compiled import FOLDER, cache_folder, compiled
from blipkit.errors import BadInput


def test_without_numba_one_sentence_says_what_to_install(monkeypatch):
    """BadInput, so that a run is refused before it begins."""
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(BadInput, match=r"pip install 'blipkit\[capacity\]'"):
        compiled(len)


def test_the_folder_is_the_users_own(monkeypatch, tmp_path):
    """In the cache of the home, made if need be; numba's own variable comes first."""
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "blipkit" / "numba" and cache_folder().is_dir()
    monkeypatch.setenv(FOLDER, str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"


def test_where_nothing_can_be_written_nothing_is_kept(monkeypatch, tmp_path):
    """A file stands where the folder should; compiling goes on without."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER, str(tmp_path / "file" / "below"))
    assert cache_folder() is None
    monkeypatch.delenv(FOLDER)
    monkeypatch.setattr("blipkit.capacity.compiled.has_home", lambda: False)
    assert cache_folder() is None
    assert compiled(_twice)(3) == 6


def _twice(number):
    return 2 * number
