"""Records that explain themselves a year later, and the gates that judge them.

A chapter writes its rows, dataclasses, by `measure_typed` through `Results`, a results folder. In a
replay both read what was recorded elsewhere. `environment` holds what every record says of its
machine, `run_record` how a run went; a gate's status is decided in `gates` alone. A run's outputs
are put in place by `moves` and kept with their digests in a `listing`; `evidence` opens a folder to
be read, and says whether it is as its run left it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "documents": ["check_results_folder", "read_document", "read_machine", "rows_in"],
        "environment": [
            "MeasuredMachine",
            "facts_of",
            "measure_environment",
            "recorded_gflops",
            "recorded_kind",
        ],
        "gates": [
            "Gate",
            "decide",
            "invalid",
            "judge",
            "not_recorded",
            "not_run",
            "raise_for",
            "warned",
            "worst",
            "worst_of",
        ],
        "evidence": ["not_verified", "open_evidence"],
        "listing": ["Verification", "verify"],
        "moves": ["in_use", "put_in_place", "settle"],
        "results": ["Results"],
        "run_record": ["ChapterRun", "RunRecord", "read_run"],
        "typed": ["measure_typed", "read_typed", "records_of", "write_typed"],
    },
)
