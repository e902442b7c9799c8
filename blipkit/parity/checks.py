"""What refuses the knobs of 03_parity before anything runs, where it takes more than one value to
see it.
"""

import math
from collections.abc import Sequence

from blipkit.errors import BadInput, shown
from blipkit.frames.questions import Question
from blipkit.frames.source import FrameSource
from blipkit.parity.knobs import Parity
from blipkit.paths import is_folder
from blipkit.profiles.profile import Profile
from blipkit.runners.arms import Arm, check_answers, check_machine, parse_arm
from blipkit.statistics import share_bound, trials_needed


def check_limits(knobs: Parity, arms: Sequence[Arm]) -> None:
    """Refuse limits that say nothing of a precision that some arm computes in."""
    for arm in arms:
        needed = ["tensor_limit"]
        if not arm.baseline:
            needed.append("excused_margin")
        for name in needed:
            if arm.rounds_like not in getattr(knobs, name):
                problem = f"parity.{name} says nothing of {arm.rounds_like}"
                advice = f"add {arm.rounds_like}: LIMIT"
                raise BadInput(f"{problem}, which judges arm '{arm}'; {advice}")


def check_incumbent_arm(name: str) -> None:
    """An incumbent that is no folder must be an arm that this machine can run."""
    if not name or is_folder(name):
        return
    try:
        check_answers(parse_arm(name))
    except BadInput as error:
        raise BadInput(f"parity.incumbent: no folder {shown(name)}, and {error}") from None
    check_machine(parse_arm(name))


def check_incumbent_outputs(
    profile: Profile, checkpoint, questions: Sequence[Question], buckets: Sequence
) -> None:
    """Golden outputs must be of this checkpoint, these questions, shapes and frames."""
    from blipkit.parity.golden import check_golden_outputs, find_golden_outputs

    common = profile.common
    knobs = profile.section("parity")
    if golden := find_golden_outputs(knobs.incumbent):
        check_golden_outputs(golden, checkpoint, questions, buckets)
        golden.places(FrameSource.of(common, knobs.frames).load())


def check_count(frames: int, knobs: Parity, questions: Sequence[Question]) -> None:
    """So many frames must be able to bound the share that flips: otherwise nothing could pass."""
    ranked = sum(question.candidates is not None for question in questions)
    needed = trials_needed(knobs.frame_flip_limit)
    if ranked and frames < needed:
        problem = f"{frames} frames cannot bound a share so tightly"
        bound = math.ceil(1000 * share_bound(0, frames)) / 1000
        advice = f"ask {needed} frames (parity.frames), or raise the limit to {bound}"
        raise BadInput(
            f"parity.frame_flip_limit is {knobs.frame_flip_limit}, and {problem}; {advice}"
        )
