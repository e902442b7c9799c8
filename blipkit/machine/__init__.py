"""The machine: what it is, how fast it multiplies, and what else happens on it.

`host` reads the machine, `limits` what a container may use of it, `speed` times a matrix product,
`monitor` samples it beside a measurement, `child` runs one function of ours in a fresh process,
in a folder that `scratch` removes, in the `surroundings` that whatever this kit starts has. Nothing
here knows of models or records; what is heavy is imported when it is used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "child": ["call"],
        "host": [
            "Machine",
            "describe",
            "is_rehearsal",
            "machine_kind",
            "usable_cores",
            "version",
            "versions",
        ],
        "monitor": ["Monitor", "Sample", "Usage", "usage_of"],
        "speed": ["matmul_gflops"],
    },
)
