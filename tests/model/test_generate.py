from studies import displayed

from blipkit import Question
from blipkit.frames.frames import synthetic_frames
from blipkit.model.generate import NEW_TOKENS, generate_answer, show_answers


def test_an_answer_is_what_generate_writes(small, unpadded_generate):
    """Token by token, and no more of them than asked for; the text is the processor's."""
    (frame,) = synthetic_frames(1, 5)
    for new_tokens in (1, NEW_TOKENS):
        answer = generate_answer(small, frame.image, "is the dog barking?", new_tokens)
        tokens, _ = unpadded_generate(small, frame.image, "is the dog barking?", new_tokens)
        assert list(answer.tokens[1:]) == tokens and len(tokens) <= new_tokens
        assert answer.text == small.processor.decode(list(answer.tokens), skip_special_tokens=True)


def test_another_model_is_asked_where_one_is_given(small):
    """It gets what the processor makes, and the same limit."""
    import torch

    class Fixed:
        def generate(self, pixel_values, input_ids, max_new_tokens, **_):
            assert pixel_values.shape[0] == input_ids.shape[0] == 1 and max_new_tokens == 2
            return torch.tensor([[5, 7]])

    assert generate_answer(small, synthetic_frames(1, 5)[0].image, "dog?", 2, Fixed()).tokens == (
        5,
        7,
    )


def test_frames_are_shown_with_their_answers(small, monkeypatch):
    """A caption a frame, a line a question."""
    asked = [Question("is the dog barking?"), Question("what is the dog doing?", None)]
    frames = synthetic_frames(2, 5)
    shown = displayed(monkeypatch)
    show_answers(small, frames, asked)
    ((page, text),) = shown
    assert page.count("<img ") == 2
    lines = text.splitlines()
    expected = [
        f"{q.text} {generate_answer(small, f.image, q.text).text}" for f in frames for q in asked
    ]
    assert lines == expected
