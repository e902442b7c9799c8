"""Before the first notebook: whatever would stop one minutes later is refused here, in seconds, with nothing written."""

import math
import os
import shutil
from pathlib import Path

from blipkit import arms, machine, systems
from blipkit.arms import Arm
from blipkit.buckets import Bucket, choose_bucket, parse_buckets
from blipkit.checkpoints import Checkpoint, check_source, load_checkpoint
from blipkit.components import PIECES, check_bucket, isolate
from blipkit.cost import ONE_OFF
from blipkit.errors import BadInput, nearest
from blipkit.frames import DRAWN, check_labels, load_frames
from blipkit.lowering import MAKE_STACK, find_stack
from blipkit.params import RUN_KEYS, Profile, is_folder, read_sections
from blipkit.prices import find_price, load_prices
from blipkit.questions import Question, parse_questions, tokenise
from blipkit.serving import CALLS, PLACEMENTS
from blipkit.statistics import trials_needed, wilson

OURS = {"checkpoint", "frames_from", "neuron_stack", *RUN_KEYS}  # may differ between record and replay
MACHINES = ("cpu", "cuda", "neuron")
CHOICES = {"environment.expect": MACHINES, "concurrency.call": CALLS, "concurrency.placements": PLACEMENTS}
SETTING_S = 10  # to start a setting's processes and end them, by experience
SPARE_BYTES = 200e6  # notebooks, records and report beside the artifacts


def check(profile: Profile, folder: Path, replay: Path | None = None) -> None:
    """Refuse a profile that cannot run into `folder` on this machine; what is quick to see comes first."""
    knobs = profile.resolved()
    check_folder(folder)
    check_source(knobs["common"]["checkpoint"])
    named = check_arms(knobs)
    questions, buckets = parse_questions(knobs["common"]["questions"]), parse_buckets(knobs["common"]["buckets"])
    check_names(knobs)
    check_prices(knobs["cost"])
    if replay:
        check_replay(knobs, folder, replay)
    else:
        for arm in named:
            arms.check_machine(arm)
        if (today := knobs["parity"]["incumbent"]) and not is_folder(today):
            check_today(today)
        check_stack(knobs)
        check_load(knobs, named)
        frames = check_frames(knobs, questions)
    checkpoint = load_checkpoint(knobs["common"]["checkpoint"])
    check_buckets(checkpoint, questions, buckets)
    if not replay:
        check_count(frames, knobs, questions)
        check_incumbent(knobs, checkpoint, questions, buckets)
        check_exports(checkpoint, named, min(buckets))
        check_disk(folder, sum(p.numel() for p in checkpoint.model.parameters()), named, buckets)


def check_arms(knobs: dict) -> list[Arm]:
    """The arms, which must exist, with limits for each number format; what is required of them must be a gate."""
    named = [arms.parse_arm(arm) for arm in knobs["common"]["arms"]]
    for arm in named:
        for name in ("tensor_limit",) if arms.format_reference(str(arm)) else ("tensor_limit", "excused_margin"):
            if arm.precision not in knobs["parity"][name]:
                said = f"parity.{name} says nothing of {arm.precision}, which judges arm '{arm}'"
                raise BadInput(f"{said}; add {arm.precision}: LIMIT")
    known = [f"decisions {arm}" for arm in named] + [f"lowering {piece}" for piece in PIECES]
    known += [f"parity {arm} {piece}" for arm in named for piece in (*PIECES, "pipeline")]
    for gate in knobs["common"]["required"]:
        if gate.startswith(("decisions ", "parity ", "lowering ")) and gate not in known:
            advice = f"{nearest(gate, known)} Name those you need, or none: []"
            raise BadInput(f"common.required: nothing here has the gate {gate!r}; {advice}")
    return named


def check_names(knobs: dict) -> None:
    """Knobs that name one of a few things."""
    arms.check_flags(knobs["common"]["compiler_flags"])
    find_price(load_prices(), knobs["trace"]["compile_on"], "us-east-1")
    for knob, known in CHOICES.items():
        section, name = knob.split(".")
        given = knobs[section][name]
        for seen in given if isinstance(given, list) else [given]:
            if seen not in known:
                raise BadInput(f"{knob} is {seen!r}; {nearest(seen, known)}")


def check_load(knobs: dict, named: list[Arm]) -> None:
    """What 04 measures: arms that have a speed, a percentile, servers with cores of their own, a grid within the limit."""
    load, limit_s, only = knobs["concurrency"], knobs["common"]["cell_limit_s"], knobs["common"]["only"]
    if load["arms_under_load"] > len(named):
        raise BadInput(f"concurrency.arms_under_load is {load['arms_under_load']}; common.arms has {len(named)}")
    if only and "04_concurrency" not in only:
        return
    for arm in named[: load["arms_under_load"]]:
        arms.check_timed(arm)
        if arm.runner not in arms.ON_NEURON and "contexts" in load["placements"]:
            said = f"contexts put a pipeline on each NeuronCore, and arm '{arm}' has none"
            raise BadInput(f"concurrency.placements: {said}; take threads or processes")
    if load["percentile"] >= 100:
        raise BadInput(f"concurrency.percentile is {load['percentile']}; expected less than 100, such as 90 or 99")
    most, cores = max(load["servers"]), machine.usable_cores()
    if most > cores and not load["oversubscribe"]:
        said = f"{most} servers on {cores} cores take turns instead of serving"
        raise BadInput(f"concurrency.servers: {said}; name fewer, or say concurrency.oversubscribe: true")
    grid = load["arms_under_load"] * math.prod(len(load[name]) for name in ("placements", "servers", "clients"))
    runs, once_s = (grid + 2) * load["repeats"], SETTING_S + load["warmup"] + load["seconds"]
    if runs * once_s > limit_s:
        left = math.floor(limit_s / runs - SETTING_S - load["warmup"])
        advice = f"take concurrency.seconds={left}" if left >= 1 else "name fewer servers or clients, or fewer repeats"
        took = f"{runs} runs of about {once_s:g} s take {runs * once_s / 60:.0f} minutes, a cell may take {limit_s / 60:.0f}"
        raise BadInput(f"concurrency: {took}; {advice}, or raise common.cell_limit_s")


def check_stack(knobs: dict) -> None:
    """The environment to lower in must have the right versions, and be there where a lowering gate is required."""
    wanted = [gate for gate in knobs["common"]["required"] if gate.startswith("lowering ")]
    if find_stack(knobs["trace"]["neuron_stack"]) is None and wanted:
        said = f"common.required names {wanted[0]!r}, and there is no environment to lower it in"
        raise BadInput(f"{said}: {MAKE_STACK} (8 GB), or require less: --set common.required=[]")


def check_today(name: str) -> None:
    """An incumbent that is no folder must be an arm that this machine can run."""
    try:
        arms.check_answers(arms.parse_arm(name))
    except BadInput as error:
        raise BadInput(f"parity.incumbent: no folder {name!r}, and {error}") from None
    arms.check_machine(arms.parse_arm(name))


def check_incumbent(knobs: dict, checkpoint: Checkpoint, questions: list[Question], buckets: list[Bucket]) -> None:
    """A bundle must be of this checkpoint, these questions, shapes and frames."""
    from blipkit.bundles import check_bundle, find_bundle

    if bundle := find_bundle(knobs["parity"]["incumbent"]):
        check_bundle(bundle, checkpoint, questions, buckets)
        common, count = knobs["common"], knobs["parity"]["frames"]
        bundle.places(load_frames(common["frames_from"], count, common["seed"], common["skip_unreadable"]))


def check_count(frames: int, knobs: dict, questions: list[Question]) -> None:
    """So many answers must be able to bound the rate of flips: otherwise nothing that is measured could pass."""
    asked, only = sum(question.candidates is not None for question in questions), knobs["common"]["only"]
    if not asked or (only and "03_parity" not in only):
        return
    limit, answers = knobs["parity"]["flip_limit"], frames * asked
    if answers < (needed := trials_needed(limit)):
        said = f"{answers} answers ({frames} frames, {asked} questions with candidates) cannot bound a rate so tightly"
        bound = math.ceil(1000 * wilson(0, answers)[1]) / 1000
        advice = f"ask {math.ceil(needed / asked)} frames (parity.frames), or raise the limit to {bound}"
        raise BadInput(f"parity.flip_limit is {limit}, and {said}; {advice}")


def check_frames(knobs: dict, questions: list[Question]) -> int:
    """Every image that will be asked about must be one, and its labels must count; how many 03 will ask about."""
    common = knobs["common"]
    if common["frames_from"] == DRAWN:
        return knobs["parity"]["frames"]
    counts = (knobs["components"]["check_frames"], knobs["parity"]["frames"], knobs["concurrency"]["distinct_frames"])
    frames = load_frames(common["frames_from"], max(counts), common["seed"], common["skip_unreadable"])
    check_labels(frames, questions)
    return min(len(frames), knobs["parity"]["frames"])


def check_buckets(checkpoint: Checkpoint, questions: list[Question], buckets: list[Bucket]) -> None:
    """Some bucket must fit the questions and their candidates, and the model each bucket."""
    end = checkpoint.config.text_config.sep_token_id
    choose_bucket(buckets, 1, questions, tokenise(questions, checkpoint.processor.tokenizer, end))
    for bucket in buckets:
        check_bucket(checkpoint, bucket)


def check_exports(checkpoint: Checkpoint, named: list[Arm], bucket: Bucket) -> None:
    """An emulated arm starts from what torch.export makes of a component; the built-in checkpoints are known to export."""
    emulated = next((arm for arm in named if arm.runner in arms.EMULATED), None)
    if emulated is None or checkpoint.source.startswith("builtin:"):
        return
    from blipkit.runners import refused_by_name
    from blipkit.runners.neuron_emulated import check_export

    for component in isolate(checkpoint):
        with refused_by_name(component, emulated):
            check_export(component.module, component.example_inputs(bucket))


def check_folder(folder: Path) -> None:
    """The results folder must be one, or one that can be made."""
    if folder.is_file():
        raise BadInput(f"--results {folder} is a file; expected a folder, existing or not")
    first = _existing(folder)
    if not first.is_dir() or not os.access(first, os.W_OK):
        raise BadInput(f"--results {folder}: {first} cannot be written to; pass a folder of yours")


def check_prices(knobs: dict) -> None:
    """Each instance that 05 names must have a price, each folder beside it records."""
    table = load_prices(knobs["own_prices"])
    for instance in (knobs["candidate"], *knobs["incumbents"], knobs["priced_as"]):
        find_price(table, instance, knobs["region"], knobs["option"])
    for name in knobs["one_off"]:
        if name not in ONE_OFF:
            raise BadInput(f"cost.one_off: unknown {name!r}; {nearest(name, ONE_OFF)}")
    for other in knobs["beside"]:
        systems.find_results(other)


def check_replay(knobs: dict, folder: Path, replay: Path) -> None:
    """A replay shows what was recorded, so the profile must ask for the same; prices alone may be other ones."""
    systems.check_folder(replay)
    if folder.resolve() == replay.resolve():
        advice = "pass another --results, so that nothing recorded is lost"
        raise BadInput(f"--replay {replay} is also the results folder; {advice}")
    recorded = read_sections(replay / "profile.yaml")
    for section, values in knobs.items():
        for name, value in values.items():
            before = recorded.get(section, {}).get(name, value)
            if before != value and section != "cost" and name not in OURS:
                advice = f"replay what was recorded: blipkit run {replay / 'profile.yaml'} --replay {replay}"
                seen = f"{section}.{name} was {before!r}, the profile says {value!r}"
                raise BadInput(f"--replay {replay}: {seen}; {advice}")


def check_disk(folder: Path, weights: int, named: list[Arm], buckets: list[Bucket]) -> None:
    """What the compiled pieces take: their weights in their format, once a bucket, less what is compiled already."""
    need = sum(arms.BYTES[arm.dtype] for arm in named if arm.runner != "eager") * weights * len(buckets) + SPARE_BYTES
    need -= sum(path.stat().st_size for path in (folder / "artifacts").rglob("*") if path.is_file())
    free = shutil.disk_usage(_existing(folder)).free
    if free < need:
        seen = f"the disk has {free / 1e9:.1f} GB free, the artifacts need about {need / 1e9:.1f} GB"
        raise BadInput(f"{folder}: {seen}; free some, or pass --results on another disk")


def _existing(path: Path) -> Path:
    """The path itself or its nearest parent that exists."""
    path = path.absolute()
    return next(p for p in (path, *path.parents) if p.exists())
