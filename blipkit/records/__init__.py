"""Records: measured rows that explain themselves a year later, gates that judge them, and the folder that holds both.

A chapter writes through `Results`; `measure_typed` does it with dataclasses. In a replay both read what was recorded
elsewhere. A gate's status is judged in one place, by `judge`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "documents": ["check_results_folder", "read_document", "rows_in"],
        "environment": ["Environment", "fact_rows", "measure_environment", "recorded_gflops"],
        "gates": ["Gate", "judge", "not_run", "raise_for", "worst"],
        "results": ["Results"],
        "typed": ["measure_typed"],
    },
)
