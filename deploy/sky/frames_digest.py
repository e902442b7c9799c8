"""Prints the SHA-256 over the names and bytes of all files of a folder: frames_digest.py FOLDER"""

import hashlib
import sys
from pathlib import Path


def folder_digest(folder: Path) -> str:
    """The same for the same files, whatever their times and owners."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        total.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()} {name}\n".encode())
    return total.hexdigest()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if not folder.is_dir():
        sys.exit(f"deploy/sky: {folder} is no folder; expected one of frames; pass its path")
    print(folder_digest(folder))
