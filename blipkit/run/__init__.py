"""Running a profile, and what else the command line does with one.

`preflight` checks it, `notebooks` runs every chapter by papermill into a `folder`. `lab` copies
chapters to step through, `publish` keeps a run's evidence and `published` lists what is kept,
`doctor` says what this machine is, `fleet` has `blipkit capacity`.
`arguments` reads what the command line names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "doctor": ["examine", "show_lowering"],
        "lab": ["copy_chapters"],
        "notebooks": ["run_profile"],
        "preflight": ["check"],
        "publish": ["publish_folder"],
        "published": ["write_readme"],
    },
)
