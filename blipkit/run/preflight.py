"""Before the first chapter: what would stop one minutes later is refused here, in seconds.

Nothing is written. The checks stand beside the knobs that they guard; here they are called, the
quick ones first.
"""

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from blipkit.arrivals import checks as arrivals
from blipkit.capacity import checks as capacity
from blipkit.capacity.measured import find_load
from blipkit.cost import checks as cost
from blipkit.cost.systems import find_results
from blipkit.errors import BadInput
from blipkit.frames.frames import SYNTHETIC, check_labels
from blipkit.frames.questions import Question, parse_questions
from blipkit.frames.source import FrameSource
from blipkit.load import checks as load
from blipkit.machine import child, fork_server
from blipkit.model import checks as model
from blipkit.model.buckets import parse_buckets
from blipkit.model.checkpoints import check_source, load_checkpoint
from blipkit.parity import checks as parity
from blipkit.paths import is_folder, nearest_existing, user_file, user_folder, user_path
from blipkit.profiles.profile import Profile
from blipkit.profiles.sections import main_chapters, section_of
from blipkit.records.documents import check_results_folder
from blipkit.records.evidence import open_evidence
from blipkit.run.required import check_required
from blipkit.runners import checks as runners
from blipkit.runners.arms import check_machine, parse_arm
from blipkit.runners.neuron.options import check_flags
from blipkit.study import WITHOUT_CHECKPOINT

# chapters that run arms, and those that ask the model about frames in its buckets
LOADING = {"04_concurrency", "08_arrivals"}  # that ask under load, as 04's knobs say
RUNNING_ARMS = {"02_trace", "03_parity", *LOADING}
ASKING = {"01_components", "09_service", *RUNNING_ARMS}
TIMEOUT_S = 600  # to load a checkpoint, and every frame of a folder


def check(
    profile: Profile, folder: Path, replay: Path | None = None, only: Iterable[str] = ()
) -> None:
    """Refuse a profile that cannot run into `folder` on this machine.

    replay: a results folder to read instead of measuring, None to measure; only: the chapters that
    will run, the profile's where it is empty: a knob of another one stops nobody.
    """
    common = profile.common
    stems = set(only) or stems_of(profile)
    check_folder(folder)
    check_source(common.checkpoint)
    arms = [parse_arm(arm) for arm in common.arms]
    check_required(profile)
    questions = parse_questions(common.questions)
    buckets = parse_buckets(common.buckets)
    check_flags(common.compiler_flags)
    check_chapters(profile, stems, arms)
    if "10_capacity" in stems and "04_concurrency" not in stems:
        capacity.check_recorded(replay or folder, common, profile.section("concurrency"))
    if replay:
        check_replay(folder, replay)
        if asks_checkpoint(stems):
            model.check_buckets(load_checkpoint(common.checkpoint), questions, buckets)
        return

    check_here(profile, stems, arms)
    frames = check_frames(profile, stems, questions)
    if not asks_checkpoint(stems):
        return
    checkpoint = load_checkpoint(common.checkpoint)
    if stems & ASKING:
        model.check_buckets(checkpoint, questions, buckets)
    if "03_parity" in stems:
        parity.check_count(frames, profile.section("parity"), questions)
        parity.check_incumbent_outputs(profile, checkpoint, questions, buckets)
    if stems & RUNNING_ARMS:
        runners.check_exports(checkpoint, arms, min(buckets))
        weights = sum(weight.numel() for weight in checkpoint.model.parameters())
        runners.check_disk(folder, weights, arms, buckets)


def asks_checkpoint(stems: Iterable[str]) -> bool:
    """Whether any of these chapters loads a checkpoint; the others read what was recorded."""
    return any(section_of(stem) not in WITHOUT_CHECKPOINT for stem in stems)


def check_chapters(profile: Profile, stems: set[str], arms: list) -> None:
    """Refuse what chapters' own knobs cannot mean together, whether they measure or replay."""
    if "02_trace" in stems:
        cost.check_instance(profile.section("trace").compile_on)
    if "03_parity" in stems:
        parity.check_limits(profile.section("parity"), arms)
    if "08_arrivals" in stems:
        arrivals.check_patterns(profile.section("arrivals"))
    if "05_cost" in stems:
        cost.check_prices(profile.section("cost"))
    if "10_capacity" in stems:
        capacity.check_capacity(profile.section("capacity"), profile.section("cost"))


def check_here(profile: Profile, stems: set[str], arms: list) -> None:
    """Refuse arms that this machine cannot run, and a load that it cannot measure."""
    if stems & RUNNING_ARMS:
        for arm in arms:
            check_machine(arm)
    if "03_parity" in stems:
        parity.check_incumbent_arm(profile.section("parity").incumbent)
    if "02_trace" in stems:
        runners.check_stack(profile.section("trace"), profile.common.required)
    if stems & LOADING:
        check_load(profile, arms)
    if "04_concurrency" in stems:
        load.check_grid_time(profile.section("concurrency"), profile.common.cell_limit_s)
    if "08_arrivals" in stems:
        closed = profile.section("concurrency")
        limit_s = profile.common.cell_limit_s
        arrivals.check_search_time(profile.section("arrivals"), closed, limit_s)


def check_apart(profile: Profile, folder: Path, replay: Path | None, only: Iterable[str]) -> None:
    """`check` in a child that has imported what loading a checkpoint needs, so that this process
    need not.
    """
    if not fork_server.is_possible():
        check(profile, folder, replay, only)
        return
    child.call(
        "blipkit.run.preflight:check_plain",
        timeout_s=TIMEOUT_S,
        forked=True,
        profile=asdict(profile),
        folder=str(folder),
        replay=str(replay or ""),
        only=list(only),
    )


def check_plain(profile: dict[str, Any], folder: str, replay: str, only: list[str]) -> None:
    """`check` of what JSON can hold; replay: "" to measure."""
    check(Profile(**profile), Path(folder), Path(replay) if replay else None, only)


def use_absolute_folders(profile: Profile) -> None:
    """Make the folders that the user named absolute: a notebook runs in a folder of its own."""
    common, parity, cost = (
        profile.sections.setdefault(name, {}) for name in ("common", "parity", "cost")
    )
    if _names_folder(common.get("checkpoint", "")):
        folder = user_folder(common["checkpoint"], "common.checkpoint")
        if check_source(str(folder)) == "folder":
            common["checkpoint"] = str(folder.resolve())
    if common.get("frames_from", SYNTHETIC) != SYNTHETIC:
        folder = user_path(common["frames_from"], "common.frames_from")
        common["frames_from"] = str(folder.resolve())
    if is_folder(parity.get("incumbent", "")):
        folder = user_folder(parity["incumbent"], "parity.incumbent")
        parity["incumbent"] = str(folder.resolve())
    if cost.get("own_prices"):
        file = user_file(cost["own_prices"], "cost.own_prices")
        cost["own_prices"] = str(file.resolve())
    capacity_folders(profile)
    others = [str(user_path(other, "cost.beside")) for other in cost.get("beside", [])]
    cost["beside"] = [str(find_results(other)) for other in others]


def capacity_folders(profile: Profile) -> None:
    """Make the file of a day's shape, and the folder of a GPU's results, absolute."""
    knobs = profile.sections.setdefault("capacity", {})
    shape = knobs.get("shape", "")
    if isinstance(shape, str) and (is_folder(shape) or shape.endswith(".csv")):
        knobs["shape"] = str(user_file(shape, "capacity.shape").resolve())
    instances = dict(knobs.get("instances", {}))
    if folder := instances.get("gpu_results"):
        instances["gpu_results"] = str(find_load(folder))
        knobs["instances"] = instances


def _names_folder(checkpoint: str) -> bool:
    """Whether a checkpoint's name may be a folder's; a name on the hub may be, too."""
    return bool(checkpoint) and not checkpoint.startswith("builtin:")


def stems_of(profile: Profile) -> set[str]:
    """The chapters that a profile runs by itself."""
    return set(profile.common.only or main_chapters())


def check_load(profile: Profile, arms: list) -> None:
    """Refuse what cannot be measured under load.

    That is an arm without a speed, a percentile of too few requests, more servers than cores,
    processes that leave no core to the clients, or a batch that no bucket takes at once.
    """
    knobs = profile.section("concurrency")
    load.check_number_of_arms(knobs, arms)
    load.check_arms_under_load(knobs, arms)
    load.check_percentile(knobs)
    load.check_servers(knobs)
    load.check_cores_for_clients(knobs, arms, profile.common.threads)
    load.check_batch_sizes(knobs, parse_buckets(profile.common.buckets))


def check_frames(profile: Profile, stems: set[str], questions: list[Question]) -> int:
    """How many frames 03 will ask about; refuses images that are none, and labels of no use."""
    common = profile.common
    asked = profile.section("parity").frames
    counts = {
        "01_components": profile.section("components").check_frames,
        "03_parity": asked,
        "04_concurrency": profile.section("concurrency").distinct_frames,
        "08_arrivals": profile.section("concurrency").distinct_frames,
        "09_service": profile.section("service").frames,
    }
    needed = [count for stem, count in counts.items() if stem in stems]
    if common.frames_from == SYNTHETIC or not needed:
        return asked
    frames = FrameSource.of(common, max(needed)).load()
    check_labels(frames, questions)
    return min(len(frames), asked)


def check_folder(folder: Path) -> None:
    """Refuse a results folder that is a file, or cannot be made or written to."""
    if folder.is_file():
        raise BadInput(f"--results {folder} is a file; expected a folder, existing or not")
    first = nearest_existing(folder)
    if not first.is_dir() or not os.access(first, os.W_OK):
        raise BadInput(f"--results {folder}: {first} cannot be written to; pass a folder of yours")


def check_replay(folder: Path, replay: Path) -> None:
    """Refuse to replay what is no results folder, was cut or changed, or is written to."""
    check_results_folder(replay)
    open_evidence(replay)
    if folder.resolve() == replay.resolve():
        advice = "pass another --results, so that nothing recorded is lost"
        raise BadInput(f"--replay {replay} is also the results folder; {advice}")
