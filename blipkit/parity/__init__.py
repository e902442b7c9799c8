"""Parity: do numbers and answers of other arms agree with the reference's, and the incumbent's?

An `Engine` asks several arms the same questions. A `Panel` says who is compared, about which
frames; the verbs take one, and their results know their table, their figure and their gates.
`capture` keeps golden outputs of an arm, for another machine. How it is judged: tensors.py and
calls.py for numbers, answer_pairs.py and answers.py for answers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "answer_pairs": ["AnswerPair", "pair_answers"],
        "answers": ["accuracy_gate"],
        "arm_pairs": ["compare_pairs"],
        "blocks": ["follow_failures"],
        "calls": ["Call", "Limits", "strictest_route", "tensor_gate"],
        "decisions": ["decision_gate"],
        "effort": ["close_panel", "forecast_effort", "measure_effort"],
        "engine": ["Engine"],
        "figures": ["show_flip_bounds"],
        "flips": ["compare_answers"],
        "golden": ["GoldenOutputs", "find_golden_outputs", "read_golden_outputs"],
        "golden_capture": ["capture"],
        "knobs": ["Parity"],
        "labels": ["compare_labels"],
        "numbers": ["compare_components"],
        "panel": ["Panel", "open_panel"],
        "scores": ["compare_end_to_end"],
        "tensors": ["Comparison", "compare"],
    },
)
