"""Before the first notebook: whatever would stop one minutes later is refused here, in seconds, with nothing written."""

import math
import os
import shutil
from pathlib import Path

from blipkit.arms import (
    BYTES,
    EMULATED,
    ON_NEURON,
    Arm,
    check_answers,
    check_flags,
    check_machine,
    check_timed,
    format_reference,
    parse_arm,
)
from blipkit.buckets import Bucket, choose_bucket, parse_buckets
from blipkit.checkpoints import Checkpoint, check_source, load_checkpoint
from blipkit.components import PIECES, check_bucket, isolate
from blipkit.errors import BadInput, nearest
from blipkit.frames import DRAWN, check_labels, load_frames
from blipkit.lowering import MAKE_STACK, find_stack
from blipkit.params import RUN_DEFAULTS, Profile, is_folder, read_sections
from blipkit.prices import find_price, load_prices
from blipkit.questions import Question, parse_questions, tokenise
from blipkit.serving import CALLS, PLACEMENTS
from blipkit.statistics import trials_needed, wilson

OURS = {"checkpoint", "frames_from", "neuron_stack", *RUN_DEFAULTS}  # may differ between record and replay
MACHINES = ("cpu", "cuda", "neuron")
SPARE_BYTES = 200e6  # notebooks, records and report beside the artifacts


def check(profile: Profile, folder: Path, replay: Path | None = None) -> None:
    """Refuse a profile that cannot run into `folder` on this machine; what is quick to see comes first."""
    knobs = profile.resolved()
    check_folder(folder)
    check_source(knobs["common"]["checkpoint"])
    arms = check_arms(knobs)
    questions, buckets = parse_questions(knobs["common"]["questions"]), parse_buckets(knobs["common"]["buckets"])
    check_names(knobs)
    check_prices(knobs["cost"])
    if replay:
        check_replay(knobs, folder, replay)
    else:
        for arm in arms:
            check_machine(arm)
        if (today := knobs["parity"]["incumbent"]) and not is_folder(today):
            check_today(today)
        check_stack(knobs)
        frames = check_frames(knobs, questions)
    checkpoint = load_checkpoint(knobs["common"]["checkpoint"])
    check_buckets(checkpoint, questions, buckets)
    if not replay:
        check_count(frames, knobs, questions)
        check_incumbent(knobs, checkpoint, questions, buckets)
        check_exports(checkpoint, arms, min(buckets))
        check_disk(folder, sum(p.numel() for p in checkpoint.model.parameters()), arms, buckets)


def check_arms(knobs: dict) -> list[Arm]:
    """The arms, which must exist, with limits for each number format."""
    arms = [parse_arm(arm) for arm in knobs["common"]["arms"]]
    for arm in arms:
        for name in ("tensor_limit", *(() if format_reference(str(arm)) else ("excused_margin",))):
            if arm.precision not in knobs["parity"][name]:
                said = f"parity.{name} says nothing of {arm.precision}, which judges arm '{arm}'"
                raise BadInput(f"{said}; add {arm.precision}: LIMIT")
    for gate in knobs["common"]["required"]:
        known = [f"decisions {arm}" for arm in arms] + [f"lowering {piece}" for piece in PIECES]
        known += [f"parity {arm} {piece}" for arm in arms for piece in (*PIECES, "pipeline")]
        if gate.startswith(("decisions ", "parity ", "lowering ")) and gate not in known:
            raise BadInput(
                f"common.required: nothing here has the gate {gate!r}; {nearest(gate, known)} Name those you need, or none: []"
            )
    under_load = knobs["concurrency"]["arms_under_load"]
    if under_load > len(arms):
        raise BadInput(f"concurrency.arms_under_load is {under_load}; common.arms has {len(arms)}")
    if not (only := knobs["common"]["only"]) or "04_concurrency" in only:
        for arm in arms[:under_load]:
            check_timed(arm)
            if arm.runner not in ON_NEURON and "contexts" in knobs["concurrency"]["placements"]:
                said = f"contexts put a pipeline on each NeuronCore, and arm '{arm}' has none"
                raise BadInput(f"concurrency.placements: {said}; take threads or processes")
    return arms


def check_names(knobs: dict) -> None:
    """Knobs that name one of a few things."""
    check_flags(knobs["common"]["compiler_flags"])
    find_price(load_prices(), knobs["trace"]["compile_on"], "us-east-1")
    for name in knobs["concurrency"]["placements"]:
        if name not in PLACEMENTS:
            raise BadInput(f"concurrency.placements: {name!r}; {nearest(name, PLACEMENTS)}")
    for section, name, known in (("environment", "expect", MACHINES), ("concurrency", "call", CALLS)):
        if (seen := knobs[section][name]) not in known:
            raise BadInput(f"{section}.{name} is {seen!r}; {nearest(seen, known)}")


def check_stack(knobs: dict) -> None:
    """The environment to lower in must have the right versions, and be there where a lowering gate is required."""
    wanted = [gate for gate in knobs["common"]["required"] if gate.startswith("lowering ")]
    if find_stack(knobs["trace"]["neuron_stack"]) is None and wanted:
        said = f"common.required names {wanted[0]!r}, and there is no environment to lower it in"
        raise BadInput(f"{said}: {MAKE_STACK} (8 GB), or require less: --set common.required=[]")


def check_today(name: str) -> None:
    """An incumbent that is no folder must be an arm that this machine can run."""
    try:
        check_answers(parse_arm(name))
    except BadInput as error:
        raise BadInput(f"parity.incumbent: no folder {name!r}, and {error}") from None
    check_machine(parse_arm(name))


def check_incumbent(knobs: dict, checkpoint: Checkpoint, questions: list[Question], buckets: list[Bucket]) -> None:
    """A bundle must be of this checkpoint, these questions, shapes and frames."""
    if not is_folder(knobs["parity"]["incumbent"]):
        return
    from blipkit.bundles import check_bundle, read_bundle

    common, bundle = knobs["common"], read_bundle(Path(knobs["parity"]["incumbent"]))
    check_bundle(bundle, checkpoint, questions, buckets)
    frames = load_frames(common["frames_from"], knobs["parity"]["frames"], common["seed"], common["skip_unreadable"])
    bundle.places(frames)


def check_count(frames: int, knobs: dict, questions: list[Question]) -> None:
    """So many answers must be able to bound the rate of flips: otherwise nothing that is measured could pass."""
    asked, only = sum(question.candidates is not None for question in questions), knobs["common"]["only"]
    if not asked or (only and "03_parity" not in only):
        return
    limit, answers = knobs["parity"]["flip_limit"], frames * asked
    if answers < (needed := trials_needed(limit)):
        raise BadInput(
            f"parity.flip_limit is {limit}, and {answers} answers ({frames} frames, {asked} questions with candidates) cannot "
            f"bound a rate so tightly; ask {-(-needed // asked)} frames (parity.frames), or raise the limit to "
            f"{math.ceil(1000 * wilson(0, answers)[1]) / 1000}"
        )


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


def check_exports(checkpoint: Checkpoint, arms: list[Arm], bucket: Bucket) -> None:
    """An emulated arm starts from what torch.export makes of a component; the built-in checkpoints are known to export."""
    emulated = next((arm for arm in arms if arm.runner in EMULATED), None)
    if emulated is None or checkpoint.source.startswith("builtin:"):
        return
    from blipkit.runners import refused_by_name
    from blipkit.runners.neuron_emulated import check_export

    for component in isolate(checkpoint):
        with refused_by_name(component, emulated):
            check_export(component.module, component.example_inputs(bucket))


def check_folder(folder: Path) -> None:
    """The results folder must be one, or one that can be made."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"--results {folder} is a file; expected a folder, existing or not")
    first = _existing(folder)
    if not first.is_dir() or not os.access(first, os.W_OK):
        raise BadInput(f"--results {folder}: {first} cannot be written to; pass a folder of yours")


def check_prices(knobs: dict) -> None:
    """Each instance that 05 names must have a price, each folder beside it records."""
    table = load_prices()
    for instance in (knobs["candidate"], *knobs["incumbents"], knobs["priced_as"]):
        find_price(table, instance, knobs["region"], knobs["option"])
    for other in map(Path, knobs["beside"]):
        if not (other / "records" / "cost.jsonl").is_file():
            expected = "expected results folders in which 05_cost has run"
            raise BadInput(f"cost.beside: {other} has no records/cost.jsonl; {expected}")


def check_replay(knobs: dict, folder: Path, replay: Path) -> None:
    """A replay shows what was recorded, so the profile must ask for the same; prices alone may be other ones."""
    if not (replay / "profile.yaml").is_file() or not (replay / "run.json").is_file():
        raise BadInput(
            f"--replay {replay} is not a results folder (no profile.yaml and run.json); expected one that a run left"
        )
    if folder.resolve() == replay.resolve():
        raise BadInput(
            f"--replay {replay} is also the results folder; pass another --results, so that nothing recorded is lost"
        )
    recorded = read_sections(replay / "profile.yaml")
    for section, values in knobs.items():
        for name, value in values.items():
            before = recorded.get(section, {}).get(name, value)
            if before != value and section != "cost" and name not in OURS:
                raise BadInput(
                    f"--replay {replay}: {section}.{name} was {before!r}, the profile says {value!r}; "
                    f"replay what was recorded: blipkit run {replay / 'profile.yaml'} --replay {replay}"
                )


def check_disk(folder: Path, weights: int, arms, buckets) -> None:
    """What the compiled pieces take: their weights in their format, once a bucket, less what is compiled already."""
    need = sum(BYTES[arm.dtype] for arm in arms if arm.runner != "eager") * weights * len(buckets) + SPARE_BYTES
    need -= sum(path.stat().st_size for path in (folder / "artifacts").rglob("*") if path.is_file())
    free = shutil.disk_usage(_existing(folder)).free
    if free < need:
        raise BadInput(
            f"{folder}: the disk has {free / 1e9:.1f} GB free, the artifacts need about {need / 1e9:.1f} GB; "
            f"free some, or pass --results on another disk"
        )


def _existing(path: Path) -> Path:
    """The path itself or its nearest parent that exists."""
    path = path.absolute()
    return next(p for p in (path, *path.parents) if p.exists())
