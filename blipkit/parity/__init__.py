"""Parity: do numbers and answers of other arms agree with the reference's, and the incumbent's?

`Engine` asks several arms the same. A `Panel` says who is compared, about which frames; the verbs
take one, and their results know their table, their figure and their gates. `capture` keeps what an
arm answered, for another machine. How it is judged: tensors.py and answers.py, a rule a function.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "answers": ["accuracy_gate", "decision_gate", "decisions"],
        "effort": ["close_panel", "forecast_effort", "measure_effort"],
        "engine": ["Engine"],
        "figures": ["show_flip_bounds"],
        "flips": ["compare_answers"],
        "golden": ["Bundle", "capture", "find_bundle", "read_bundle"],
        "knobs": ["Parity"],
        "numbers": ["compare_components", "compare_end_to_end"],
        "panel": ["Panel", "open_panel"],
        "sides": ["compare_labels", "compare_pairs"],
        "tensors": ["Comparison", "Limits", "compare", "route", "tensor_gate"],
    },
)
