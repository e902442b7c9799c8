"""blipkit: can this BLIP model move to AWS Inferentia2 without changing its answers, how much load
will it carry there, what will it cost, and how is it served while it moves?
"""

import lazy_loader

__version__ = "0.1.0"

# imported on first use: torch takes seconds, and `blipkit --help` should not
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "frames.questions": ["Question"],
        "model.buckets": ["Bucket"],
        "model.checkpoints": ["load_checkpoint"],
        "model.components": ["isolate"],
        "runners.assemble": ["assemble", "plug_in"],
        "runners.compile": ["trace"],
        "study": ["open_study"],
    },
)
