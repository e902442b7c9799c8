"""What transformers' `generate` answers with compiled components in its class, and without.

The rows are records of kind `plugged_in`.
"""

from contextlib import closing
from dataclasses import dataclass

from blipkit.display.figures import show_frames
from blipkit.errors import NotMeasured
from blipkit.frames.frames import Frame
from blipkit.model.generate import generate_answer
from blipkit.records.gates import Gate, judge, not_recorded, not_run
from blipkit.records.typed import measure_typed
from blipkit.runners.arms import evidence_of, parse_arm
from blipkit.runners.assemble import plug_in
from blipkit.runners.compile import trace_arms
from blipkit.runners.compiled import EVERY_COMPONENT, Compiled
from blipkit.runners.loader import ComponentLoader
from blipkit.study import Study

PLUGS_IN = "plugs back in"  # the gate


@dataclass(frozen=True)
class PluggedAnswer:
    """Both answers to a question about the frame: transformers' own, and with compiled components.

    arm: whose components; same_tokens: whether both answers have the same token ids.
    """

    question: str
    arm: str
    transformers: str
    compiled: str
    same_tokens: bool
    evidence: str = "measured"


@dataclass(frozen=True)
class PluggedIn:
    """A row for each question about a frame.

    arm: whose components were plugged in; why_not: why there are no rows; next: what to do about
    it.
    """

    frame: Frame
    arm: str
    rows: list[PluggedAnswer]
    why_not: str = ""
    next: str = ""

    def show(self) -> None:
        """Display the frame with both answers to each question, and say how many are the same."""
        lines = [f"{self.frame.name}: transformers | {self.arm}"]
        lines += [f"{row.question} {row.transformers} | {row.compiled}" for row in self.rows]
        show_frames([self.frame.image], ["\n".join(lines)], width=320)
        if self.why_not:
            print(f"NOT-RUN: {self.why_not}")
            return
        if not self.rows:
            print("answers with compiled components: not recorded")
            return
        same = sum(row.same_tokens for row in self.rows)
        print(f"{same} of {len(self.rows)} answers have the same tokens with compiled components")

    def gates(self) -> list[Gate]:
        """PASS where a float32 arm writes the same tokens; of other arms, 03 judges the words."""
        if self.why_not:
            return [not_run(PLUGS_IN, "answer", self.why_not, self.next)]
        if not self.rows:
            return [not_recorded(PLUGS_IN, "answer")]
        if parse_arm(self.arm).rounds_like != "float32":
            reason = f"{self.arm} may round to another word"
            return [not_run(PLUGS_IN, "answer", reason, "add a float32 arm")]
        different = sum(not row.same_tokens for row in self.rows)
        reason = f"questions of {len(self.rows)} that {self.arm} answers with other tokens"
        evidence = evidence_of(self.arm)
        return [judge(PLUGS_IN, "answer", different, 0, evidence=evidence, reason=reason)]


def first_float32(arms: list[str]) -> str:
    """The first arm that rounds like float32, else the first of all."""
    exact = [arm for arm in arms if parse_arm(arm).rounds_like == "float32"]
    return [*exact, *arms][0]


def ask_plugged_in(study: Study, frame: Frame, compiled: Compiled) -> PluggedIn:
    """Ask all questions about a frame of transformers' class, and of the same class on compiled
    components.
    """
    arm = first_float32(study.common.arms)
    if any(row.arm == arm for row in compiled.failed):
        why_not = f"not every component of {arm} was compiled"
        return PluggedIn(frame, arm, [], why_not, f"see the gate {EVERY_COMPONENT!r}")

    def measured() -> list[PluggedAnswer]:
        return plugged_rows(study, frame, arm)

    try:
        rows = measure_typed(study.results, "plugged_in", PluggedAnswer, measured)
    except NotMeasured as error:  # compiled for a device that is elsewhere
        advice = "copy artifacts/ to an Inf2 instance and run there"
        return PluggedIn(frame, arm, [], str(error), advice)
    return PluggedIn(frame, arm, [row for row in rows if row.arm == arm])


def plugged_rows(study: Study, frame: Frame, arm: str) -> list[PluggedAnswer]:
    """Compile what is missing, plug it in, and ask both models every question."""
    (artifacts,) = trace_arms(
        study.components,
        study.artifacts,
        [parse_arm(arm)],
        study.buckets,
        study.common.compiler_flags,
    )
    new_tokens = min(bucket.answer_tokens for bucket in study.buckets)
    rows = []
    # what holds a NeuronCore is loaded in a child, which gives it back
    with closing(ComponentLoader()) as loader:
        model = plug_in(study.checkpoint, artifacts, loader.load)
        for question in study.questions:
            request = (study.checkpoint, frame.image, question.text, new_tokens)
            original = generate_answer(*request)
            plugged = generate_answer(*request, model)
            rows.append(
                PluggedAnswer(
                    question=question.text,
                    arm=arm,
                    transformers=original.text,
                    compiled=plugged.text,
                    same_tokens=original.tokens == plugged.tokens,
                    evidence=evidence_of(arm),
                )
            )
    return rows
