"""Running a profile: what is checked before, every chapter by papermill, copies to step through,
evidence to keep; and what `blipkit doctor` says of this machine.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "doctor": ["examine", "show_lowering"],
        "folder": ["in_use"],
        "lab": ["copy_chapters"],
        "notebooks": ["run_profile"],
        "preflight": ["check"],
        "publish": ["publish_folder"],
    },
)
