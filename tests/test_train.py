import sys

import torch

from blipkit import load_checkpoint
from blipkit.frames.scenes import ACTIVITIES, YES_NO
from blipkit.model.builtin import word_tokenizer
from blipkit.paths import ROOT

sys.path.insert(0, str(ROOT / "training"))
from tiny_pets import Lesson, lesson_loss, make_model, train  # noqa: E402


def test_training_writes_a_checkpoint_that_loads(tmp_path):
    """A few steps on a few scenes end in the transformers layout, with what was reached beside it."""
    result = train(tmp_path, steps=3, scenes=48, held_out=16)
    checkpoint = load_checkpoint(str(tmp_path))
    assert result.weights == sum(p.numel() for p in checkpoint.model.parameters())
    assert (
        set(result.accuracy_by_question) == set(YES_NO) and (tmp_path / "training.json").is_file()
    )


def test_the_lesson_asks_every_question_of_every_activity():
    """One activity is yes, the others no, and yes weighs as much as the three noes."""
    tokenizer = word_tokenizer()
    lesson = Lesson(tokenizer)
    assert lesson.answers.shape[:2] == (len(ACTIVITIES), len(YES_NO) + 1)
    yes = tokenizer.convert_tokens_to_ids("yes")
    assert torch.equal(lesson.answers[:, :4, 1] == yes, torch.eye(4, dtype=torch.bool))
    assert (
        lesson.weights[:, :4].diagonal()
        == (lesson.weights[:, :4].sum(1) - lesson.weights[:, :4].diagonal())
    ).all()


def test_a_step_against_the_gradient_lowers_the_loss():
    """Every weight takes part, and following the gradient helps."""
    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    model, lesson = make_model(tokenizer), Lesson(tokenizer)
    pixels, activities = torch.randn(4, 3, 64, 64), torch.tensor([0, 1, 2, 3])
    before = lesson_loss(model, lesson, pixels, activities)
    before.backward()
    assert all(p.grad is not None for p in model.vision_model.parameters())
    with torch.no_grad():
        for weight in model.parameters():
            if weight.grad is not None:
                weight -= 1e-3 * weight.grad
    assert lesson_loss(model, lesson, pixels, activities) < before
