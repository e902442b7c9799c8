"""Checks of 01_components' knobs that take more than one value, made before anything runs."""

from collections.abc import Sequence

from blipkit.frames.questions import Question, tokenise


def check_buckets(checkpoint, questions: Sequence[Question], buckets: Sequence) -> None:
    """Refuse buckets of which none fits the questions, or that the model has no positions for."""
    from blipkit.model.buckets import choose_bucket
    from blipkit.model.components import check_bucket

    end = checkpoint.config.text_config.sep_token_id
    choose_bucket(buckets, 1, questions, tokenise(questions, checkpoint.processor.tokenizer, end))
    for bucket in buckets:
        check_bucket(checkpoint, bucket)
