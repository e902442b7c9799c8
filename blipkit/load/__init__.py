"""Load: S servers and C closed-loop clients, setting by setting, and which setting to run.

`measure_setting` measures one setting in child processes, `summarise` makes a row of it and says
whether that may be believed. A study's grid is `measure_grid`; from its rows come the law of
`fit_laws`, the `OperatingPoint` for a latency target, what `admit` finds with twice the clients and
a limit, and what `prove_execution` knows of the device. docs/load.md has the formulas.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "admission": ["Admission", "admit"],
        "asked": ["Asked", "what_clients_ask"],
        "execution": ["Execution", "prove_execution"],
        "figures": ["draw_request"],
        "gates": ["admission_gate", "load_gates"],
        "grid": ["Grid", "expected_time", "measure_grid", "settings_of"],
        "measure": ["Measured", "measure_setting"],
        "operating_point": ["OperatingPoint"],
        "recommend": ["best_setting"],
        "rows": ["Target", "predicted_latency_ms"],
        "scaling": ["Scalability", "fit_laws", "fit_usl"],
        "setting": ["ServerOptions", "Setting", "Workload"],
        "summary": ["Basis", "summarise"],
    },
)
