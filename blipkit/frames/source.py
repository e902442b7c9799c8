"""Which frames are asked about, as plain values that a child process gets."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blipkit.frames.frames import Frame
    from blipkit.profiles.common import Common


@dataclass(frozen=True)
class FrameSource:
    """Which frames are asked about, as `load_frames` takes them.

    source: "synthetic", or a folder of images; count: how many at most; seed: the series of
    synthetic scenes, or which images of a folder; skip_unreadable: go on without images that cannot
    be read.
    """

    source: str
    count: int
    seed: int
    skip_unreadable: bool = False

    @classmethod
    def of(cls, common: "Common", count: int) -> "FrameSource":
        """The frames that a profile names, at most so many."""
        return cls(common.frames_from, count, common.seed, common.skip_unreadable)

    def available(self, replay: str) -> "FrameSource":
        """The same; synthetic scenes where a replay's folder of images is not on this machine."""
        from blipkit.frames.frames import SYNTHETIC

        if replay and self.source != SYNTHETIC and not Path(self.source).expanduser().is_dir():
            print(f"{self.source} is not on this machine: synthetic scenes are shown in its place")
            return replace(self, source=SYNTHETIC)
        return self

    def load(self) -> "list[Frame]":
        """The frames, in the order in which their indices count."""
        # late: clients that send indices load no frames, and start the faster
        from blipkit.frames.frames import load_frames

        return load_frames(self.source, self.count, self.seed, self.skip_unreadable)
