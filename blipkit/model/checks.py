"""What refuses the knobs of 01_components before anything runs, where it takes more than one value
to see it.
"""

from collections.abc import Sequence

from blipkit.frames.questions import Question, tokenise


def check_buckets(checkpoint, questions: Sequence[Question], buckets: Sequence) -> None:
    """Some bucket must fit the questions and their candidates, and the model each bucket."""
    from blipkit.model.buckets import choose_bucket
    from blipkit.model.components import check_bucket

    end = checkpoint.config.text_config.sep_token_id
    choose_bucket(buckets, 1, questions, tokenise(questions, checkpoint.processor.tokenizer, end))
    for bucket in buckets:
        check_bucket(checkpoint, bucket)
