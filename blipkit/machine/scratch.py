"""Temporary folders of this kit's processes: private, and gone when their process is.

A process holds a lock on each folder that it makes, which the system lets go of however it ends;
what a process that was killed has left, the next run removes.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
import weakref
from pathlib import Path

from blipkit.errors import BadInput
from blipkit.paths import has_home

PREFIX = "blipkit-tmp-"
OURS = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")  # the name that tempfile makes of it
SHORT_ROOTS = ("/tmp", "/var/tmp", "/dev/shm")
# of the folder: the whole path of a socket has at most 107 bytes on Linux, 103 elsewhere
MAX_SOCKET_ROOT_BYTES = 64
# where libraries keep what is the user's; in a home that cannot be written to they would fail
KEPT_AT_HOME = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "MPLCONFIGDIR")
YOUNG_S = 60  # a folder so young may not be locked yet


class ScratchFolder(tempfile.TemporaryDirectory):
    """A folder that only its user may open, until `cleanup`, the end of its context, or of us."""

    def __init__(self, root: str | None = None):
        """root: the folder to make it in; TMPDIR, or the system's own, where there is none."""
        super().__init__(prefix=PREFIX, dir=root)
        lock = os.open(self.name, os.O_RDONLY)
        with contextlib.suppress(OSError):  # a file system without locks; nobody else gets one
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._unlock = weakref.finalize(self, os.close, lock)

    def cleanup(self) -> None:
        """Remove it with all that is in it."""
        super().cleanup()
        self._unlock()


def instead_of_home(folder: str) -> dict[str, str]:
    """The variables that have libraries keep in `folder` what they would keep in a home.

    None where this user has one, or has said where to keep it.
    """
    if has_home():
        return {}
    return {name: folder for name in KEPT_AT_HOME if name not in os.environ}


def socket_folder() -> ScratchFolder:
    """A folder for sockets: where TMPDIR's name leaves no room for one's, in a shorter place."""
    return ScratchFolder(socket_root())


def socket_root() -> str:
    """Where a folder for sockets can be made; BadInput where every place is too long, or closed."""
    asked = tempfile.gettempdir()
    if len(os.fsencode(asked)) <= MAX_SOCKET_ROOT_BYTES:
        return asked
    for root in SHORT_ROOTS:
        if os.access(root, os.W_OK | os.X_OK):
            return root
    problem = f"TMPDIR is {asked}, too long for a socket in it"
    expected = f"expected at most {MAX_SOCKET_ROOT_BYTES} bytes"
    others = f"{', '.join(SHORT_ROOTS)} cannot be written to"
    raise BadInput(f"{problem}; {expected}, and {others}; set a shorter TMPDIR")


def remove_abandoned() -> list[Path]:
    """Remove this user's scratch folders whose process has ended; those that were removed."""
    removed = []
    for root in dict.fromkeys([tempfile.gettempdir(), *SHORT_ROOTS]):
        with contextlib.suppress(OSError):  # a root that cannot be read
            found = [Path(entry.path) for entry in os.scandir(root) if OURS.fullmatch(entry.name)]
            removed += [path for path in found if _remove_if_abandoned(path)]
    return removed


def _remove_if_abandoned(path: Path) -> bool:
    """Whether a folder was removed: it is this user's own, and nobody holds its lock."""
    with contextlib.suppress(OSError):  # somebody else's, no folder, gone, or in use
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            state = os.fstat(lock)
            shared = state.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            is_ours = state.st_uid == os.getuid() and not shared
            if not is_ours or time.time() - state.st_ctime < YOUNG_S:
                return False
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
            return not path.exists()
        finally:
            os.close(lock)
    return False
