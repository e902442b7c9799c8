"""What a study's grid holds, and how long it takes."""

import itertools
from collections.abc import Sequence

from blipkit.load.checks import SETTING_S, combinations, crowded_processes, overhead_calls
from blipkit.load.runs import RunRow
from blipkit.load.setting import Setting
from blipkit.runners.arms import NULL, is_forkable, parse_arm
from blipkit.serving.answering import is_from_jpeg
from blipkit.study import Study

FORKED_S = 1  # s beside a setting's measured time, by experience, where its processes are forked


def settings_of(study: Study) -> list[Setting]:
    """The settings of a study: those that are our own overhead, then every one that its knobs name.

    First the harness alone, then the whole path with a runner that does nothing, then the same
    where each frame travels as a JPEG and is decoded where it is served.
    """
    knobs = study.knobs
    overhead = [Setting(NULL, call, "threads", 1, 1) for call in overhead_calls(knobs)]
    arms = study.common.arms[: knobs.arms_under_load]
    columns = itertools.product(arms, combinations(knobs))
    return overhead + [
        Setting(arm, knobs.call, placement, servers, clients, batch_size)
        for arm, (placement, batch_size, servers, clients) in columns
    ]


def settings_recorded(settings: Sequence[Setting], runs: Sequence[RunRow]) -> list[Setting]:
    """The settings of a study without those of our own overhead that an older kit did not measure.

    runs: that were recorded.
    """
    known = [row.run.setting for row in runs]
    return [one for one in settings if one in known or not is_from_jpeg(one.call)]


def expected_time(study: Study) -> str:
    """How many settings are measured, and for how long, in words; and where no core is left to ask
    from.
    """
    knobs = study.knobs
    count = len(settings_of(study))
    each = f"{knobs.seconds:g} s each"
    if knobs.repeats > 1:
        each = f"{knobs.repeats} times {each}"
    arms = [parse_arm(arm) for arm in study.common.arms[: knobs.arms_under_load]]
    beside_s = FORKED_S if all(map(is_forkable, arms)) else SETTING_S
    plan = f"{count} settings, {each}, and about {beside_s} s beside that for each"
    crowded = crowded_processes(knobs, arms, study.common.threads)
    if crowded and not study.replay:
        return f"{plan}; {crowded}, who take turns with them: their latencies have that in them"
    return plan
