"""Load: S servers and C closed-loop clients, setting by setting, and which setting to run.

`measure_setting` measures one setting in child processes; `summarise` turns its requests into a
`Summary`, which says whether it may be believed. A study's grid is `measure_grid`, a list of
`GridRow`; from these come the laws of `fit_laws`, the `OperatingPoint` for a latency target, what
`admit` measures with twice the clients and a limit, and what `prove_execution` knows of the device.
Of several arms `arm_order` says which one to go by. docs/load.md has the formulas.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "admission": ["Admission", "admit"],
        "arm_choice": ["arm_order"],
        "asked": ["Asked", "what_clients_ask"],
        "conditions": ["Conditions", "conditions_of"],
        "counts": ["RunCounts"],
        "derived": ["predicted_latency_ms"],
        "execution": ["ExecutionProof", "prove_execution"],
        "figures": ["draw_request"],
        "gates": ["admission_gate", "load_gates"],
        "grid": ["Grid", "measure_grid"],
        "measure": ["Measured", "measure_setting"],
        "operating_point": ["OperatingPoint"],
        "plan": ["expected_time", "settings_of"],
        "recommend": ["best_setting"],
        "rows": ["AdmissionRow", "GridRow", "SettingRow"],
        "runs": ["Run", "RunExecution", "RunRow"],
        "queueing": ["QueueLaw", "fit_queue"],
        "scaling": ["Scalability", "fit_laws", "server_law"],
        "setting": ["ServerOptions", "Setting", "Workload", "name_of"],
        "summary": ["Criteria", "Summary", "summarise"],
        "target": ["Target"],
    },
)
