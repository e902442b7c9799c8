"""The machine: what it is (host), how fast it multiplies (speed), what else happens on it (monitor), child processes (child).

Nothing here knows of models or records. What is heavy is imported when it is used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "child": ["call"],
        "host": ["describe", "is_rehearsal", "machine_kind", "usable_cores", "version", "versions"],
        "monitor": ["Monitor", "share"],
        "speed": ["matmul_gflops"],
    },
)
