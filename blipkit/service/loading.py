"""What an inference server loads: a profile's arm, put together from its artifacts, and two probes
of which the reference has said what to answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from blipkit.errors import BlipkitError
from blipkit.frames.questions import Question, parse_questions
from blipkit.frames.source import FrameSource
from blipkit.load.recommend import best_setting
from blipkit.load.rows import GridRecord, GridRow
from blipkit.model.buckets import parse_buckets
from blipkit.profiles.profile import Profile
from blipkit.records.results import Results
from blipkit.records.typed import read_typed
from blipkit.runners.arms import REFERENCE, parse_arm
from blipkit.service.inference import Model, Probe, Room
from blipkit.service.knobs import Service
from blipkit.service.wire import About, Answered

if TYPE_CHECKING:
    from blipkit.model.pipeline import Pipeline

PROBES = 2
PROBE_FRAMES = 8  # that the reference is asked about, to find them
WAITING = 4  # requests in flight a server, where 04 has not said how many
WARM_CALLS = 2  # what is compiled is often optimised in its second call


@dataclass(frozen=True)
class Plan:
    """What to load; plain values, as another process may get them.

    checkpoint, questions, buckets, compiler_flags: as a profile writes them; artifacts: the folder
    of compiled components, to which what is missing is added; threads: torch's own, of a server.
    """

    checkpoint: str
    arm: str
    backend: str
    questions: list
    buckets: list[dict]
    compiler_flags: list[str]
    frames: FrameSource
    artifacts: str
    threads: int = 1


def plan_of(profile: Profile, arm: str, backend: str, folder: Path) -> Plan:
    """What to load for a profile's arm. folder: the results folder that has its artifacts."""
    common = profile.common
    return Plan(
        checkpoint=common.checkpoint,
        arm=arm,
        backend=backend,
        questions=common.questions,
        buckets=common.buckets,
        compiler_flags=common.compiler_flags,
        frames=FrameSource.of(common, PROBE_FRAMES),
        artifacts=str(folder / "artifacts"),
        threads=common.threads,
    )


def load(plan: Plan) -> Model:
    """Compile what is missing, load it, call it, and ask the reference for two probes."""
    import torch

    from blipkit.load.host import check_cores
    from blipkit.model.checkpoints import load_checkpoint
    from blipkit.model.components import isolate
    from blipkit.runners.assemble import assemble
    from blipkit.runners.compile import trace_arms
    from blipkit.serving.placement import neuron_cores

    torch.set_num_threads(plan.threads)
    checkpoint = load_checkpoint(plan.checkpoint)
    arms = [parse_arm(plan.arm), parse_arm(REFERENCE)]
    buckets = parse_buckets(plan.buckets)
    folder = Path(plan.artifacts)
    compiled = trace_arms(isolate(checkpoint), folder, arms, buckets, plan.compiler_flags)
    check_cores(compiled[0], "threads", neuron_cores(compiled[0]))
    pipeline, reference = (assemble(checkpoint, artifacts) for artifacts in compiled)
    questions = parse_questions(plan.questions)
    pictures = [frame.image for frame in plan.frames.load()]
    for _ in range(WARM_CALLS):
        pipeline.answer(pictures[:1], questions)
    probes = probes_of(reference, pictures, questions)
    about = About(plan.checkpoint, plan.arm, plan.backend)
    return Model(about, partial(answer, pipeline), probes)


def answer(
    pipeline: "Pipeline", picture: Image.Image, questions: Sequence[Question]
) -> list[Answered]:
    """A pipeline's answers about one picture, as replies have them."""
    (row,) = pipeline.answer([picture], questions)
    answered = []
    for question, one in zip(questions, row, strict=True):
        margin = one.margin if math.isfinite(one.margin) else None
        answered.append(Answered(question.text, one.text, one.probability, margin))
    return answered


def probes_of(
    reference: "Pipeline", pictures: Sequence[Image.Image], questions: Sequence[Question]
) -> list[Probe]:
    """Two probes that no rounding should flip: of what the reference answers, those with the
    largest margins, and two different answers where it gives any.
    """
    ranked = [question for question in questions if question.candidates] or list(questions)
    found = []
    for picture, row in zip(pictures, reference.answer(pictures, ranked), strict=True):
        for question, one in zip(ranked, row, strict=True):
            found.append((one.margin, Probe(picture, question, one.text)))
    found.sort(key=lambda pair: pair[0], reverse=True)
    probes = [probe for _, probe in found]
    if not probes:
        raise BlipkitError("no frame to probe it with; expected at least one in frames_from")
    first = probes[0]
    others = [probe for probe in probes if probe.expected != first.expected]
    return [first, *others, *probes[1:]][:PROBES]


@dataclass(frozen=True)
class Chosen:
    """The room of an inference server, and in words, where it comes from."""

    room: Room
    why: str


def room_of(knobs: Service, row: GridRow | None) -> Chosen:
    """How many requests an inference server serves and has: as the profile says, else as 04
    recommended, else a guess. row: the setting that 04 recommended, if it did.
    """
    servers, in_flight, why = 1, WAITING, "04 has not said how many: a guess"
    if row is not None:
        servers, in_flight = row.servers, max(row.clients, row.servers)
        why = f"04 recommends setting {row.name}"
    if knobs.servers:
        servers, in_flight = knobs.servers, WAITING * knobs.servers
        why = "as service.servers says"
    if knobs.in_flight:
        in_flight = max(knobs.in_flight, servers)
        why = "as service.in_flight says"
    return Chosen(Room(servers, in_flight), why)


def recommended(folder: Path, arm: str, latency_limit_ms: float) -> GridRow | None:
    """The setting that 04 recommends for an arm whose servers are threads; None without records.

    What one process serves is what is asked for: servers that are processes of their own are
    replicas.
    """
    records = read_typed(Results(folder), "concurrency", GridRecord)
    rows = [record.row for record in records if record.setting and record.row.arm == arm]
    here = [row for row in rows if row.placement == "threads" and row.batch_size == 1]
    return best_setting(here, latency_limit_ms, shared=True)
