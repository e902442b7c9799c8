"""Records that explain themselves a year later, and the gates that judge them.

A chapter writes through `Results`, a results folder; `measure_typed` does it with dataclasses. In
a replay both read what was recorded elsewhere. `environment` holds what every record says of its
machine; a gate's status is judged in one place, by `judge`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "documents": ["check_results_folder", "read_document", "rows_in"],
        "environment": [
            "Environment",
            "fact_rows",
            "measure_environment",
            "recorded_gflops",
            "recorded_kind",
        ],
        "gates": ["Gate", "judge", "not_recorded", "not_run", "raise_for", "worst"],
        "results": ["Results"],
        "typed": ["measure_typed"],
    },
)
