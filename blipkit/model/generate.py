"""What transformers' own `generate` answers, asked one question about one frame."""

from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.display.figures import show_frames
from blipkit.frames.frames import Frame
from blipkit.frames.questions import Question
from blipkit.model.checkpoints import Checkpoint

NEW_TOKENS = 4  # of an answer, its end token among them
LARGE, SMALL = 320, 160  # width in pixels of a frame shown alone, and of one among several


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
    """What `generate` answers to a question's text about a PIL image.

    model: what to ask instead of the checkpoint's own.
    """
    inputs = checkpoint.processor(images=image, text=text, return_tensors="pt")
    tokens = (model or checkpoint.model).generate(**inputs, max_new_tokens=new_tokens)[0]
    answer = checkpoint.processor.decode(tokens, skip_special_tokens=True)
    return Generated(answer, tuple(tokens.tolist()))


def show_answers(
    checkpoint: Checkpoint,
    frames: Sequence[Frame],
    questions: Sequence[Question],
) -> None:
    """Display frames, under each what the model answers about it."""
    images = [frame.image for frame in frames]
    captions = []
    for image in images:
        answers = [generate_answer(checkpoint, image, question.text) for question in questions]
        pairs = zip(questions, answers, strict=True)
        captions.append("\n".join(f"{question.text} {answer.text}" for question, answer in pairs))
    show_frames(images, captions, LARGE if len(images) == 1 else SMALL)
