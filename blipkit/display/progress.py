"""What a long cell is at: a bar in JupyterLab; in a headless run, a line for whoever started it.

Neither becomes part of the notebook's outputs in a run: they are about one machine's minutes.
"""

import os
from pathlib import Path

from blipkit.display.sliders import is_live

VARIABLE = "BLIPKIT_PROGRESS"  # the file that a run reads


def note(text: str) -> None:
    """One line for whoever runs this chapter; nothing where nobody listens."""
    if place := os.environ.get(VARIABLE):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


class Steps:
    """A long cell's steps; doing: what is done with each, such as "measuring"."""

    def __init__(self, total: int, doing: str):
        self.total = total
        self.doing = doing
        self.done = 0
        self._bar = None

    def __enter__(self) -> "Steps":
        if is_live():
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self.total, desc=self.doing, leave=False)
        return self

    def __exit__(self, *_) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, name: object) -> None:
        """The next step begins; name: of what."""
        self.done += 1
        note(f"{self.doing} {self.done} of {self.total}: {name}")
        if self._bar is not None:
            self._bar.set_postfix_str(str(name))
            self._bar.update()
