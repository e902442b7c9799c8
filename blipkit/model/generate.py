"""What transformers' own `generate` answers, asked one question about one frame."""

from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.display.figures import show_frames
from blipkit.frames.frames import Frame
from blipkit.frames.questions import Question
from blipkit.model.checkpoints import Checkpoint

NEW_TOKENS = 4  # an answer's, its end token among them
LARGE, SMALL = 320, 160  # pixels that a frame is shown wide: one alone, and one of several


@dataclass(frozen=True)
class Generated:
    """An answer as text, and the token ids that it was decoded from."""

    text: str
    tokens: tuple[int, ...]


def generate_answer(
    checkpoint: Checkpoint,
    image,
    text: str,
    new_tokens: int = NEW_TOKENS,
    model=None,
) -> Generated:
    """What `generate` answers to a text about a PIL image; model: instead of the checkpoint's."""
    given = checkpoint.processor(images=image, text=text, return_tensors="pt")
    tokens = (model or checkpoint.model).generate(**given, max_new_tokens=new_tokens)[0]
    answer = checkpoint.processor.decode(tokens, skip_special_tokens=True)
    return Generated(answer, tuple(tokens.tolist()))


def show_answers(
    checkpoint: Checkpoint,
    frames: Sequence[Frame],
    questions: Sequence[Question],
) -> None:
    """Display frames, each with what the model says about it under it."""
    images = [frame.image for frame in frames]
    captions = []
    for image in images:
        answers = [generate_answer(checkpoint, image, question.text) for question in questions]
        pairs = zip(questions, answers, strict=True)
        captions.append("\n".join(f"{question.text} {answer.text}" for question, answer in pairs))
    show_frames(images, captions, LARGE if len(images) == 1 else SMALL)
