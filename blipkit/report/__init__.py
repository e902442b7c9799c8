"""What a run comes to: the verdict with its decision, one offline page, and what changed between
two runs.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "compare": ["compare_folders", "has_worsened", "judge_intervals"],
        "differences": ["find_differences"],
        "page": ["write_report"],
        "verdict": ["Verdict", "exit_status", "make_verdict", "write_verdict"],
    },
)
