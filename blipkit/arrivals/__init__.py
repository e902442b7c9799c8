"""Arrivals that do not wait for answers, as cameras' do: what rate holds the target?

`RateRow` is what was found, a record of `rates`. docs/arrivals.md has the formulas.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "rows": ["RateRow"],
    },
)
