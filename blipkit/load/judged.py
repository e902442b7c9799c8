"""The right answers about the frames that clients ask about, as 03 judged them.

Without load a pipeline may answer wrongly, too: that it answers so again proves nothing.
"""

from collections.abc import Mapping, Sequence

from blipkit.parity.answer_pairs import COLUMNS, AnswerPair, pairs_in
from blipkit.serving.protocol import digest
from blipkit.study import Study

DECISIONS = "decisions"  # records and samples of 03
BY_PIPELINE = "pipeline"  # the call that 03 asks by


def right_digests(study: Study, arm: str, call: str, alone: Sequence[int]) -> list[int]:
    """The digest of the right answers about each frame; alone: of what was answered without load.

    What 03 saw an arm answer about a frame, or the reference, is right; where an arm answers
    otherwise now, the reference's answers are. Without 03's samples of this checkpoint, or by
    another call than the pipeline's, what was answered alone is all there is.
    """
    if call != BY_PIPELINE or not was_judged(study):
        return list(alone)
    frames = [frame.name for frame in study.frames(len(alone))]
    questions = [question.text for question in study.questions]
    pairs = pairs_in(study.results.read_samples(DECISIONS, COLUMNS))
    by_frame = pairs_by_frame([pair for pair in pairs if pair.arm == arm])
    right = []
    for frame, answered in zip(frames, alone, strict=True):
        seen = by_frame.get(frame, [])
        expected = digest([pair.reference.text for pair in seen])
        known = (expected, digest([pair.candidate.text for pair in seen]))
        if [pair.question for pair in seen] == questions and answered not in known:
            answered = expected
        right.append(answered)
    return right


def was_judged(study: Study) -> bool:
    """Whether 03 judged this checkpoint, about frames of this seed, in the same results folder."""
    results = study.results
    if study.replay or not results.has_samples(DECISIONS):
        return False
    ours = study.checkpoint.provenance()
    ours["seed"] = study.common.seed
    rows = results.rows(DECISIONS)
    return any(all(row.get(key) == ours[key] for key in ours) for row in rows)


def pairs_by_frame(pairs: Sequence[AnswerPair]) -> Mapping[str, list[AnswerPair]]:
    """Frame -> its pairs, question by question."""
    by_frame: dict[str, list[AnswerPair]] = {}
    for pair in pairs:
        by_frame.setdefault(pair.frame, []).append(pair)
    return by_frame
