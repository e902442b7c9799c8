"""blipkit: can this BLIP model move to AWS Inferentia2 without changing its answers, and what will it cost there?"""

__version__ = "0.1.0"

_PUBLIC = {
    "load_checkpoint": "checkpoints",
    "isolate": "components",
    "Bucket": "buckets",
    "trace": "runners",
    "assemble": "pipeline",
    "Question": "questions",
    "plug_in": "wrappers",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str):
    """Import on first use: torch takes seconds, and `blipkit --help` should not."""
    if name in _PUBLIC:
        import importlib

        return getattr(importlib.import_module(f"blipkit.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'blipkit' has no attribute {name!r}")
