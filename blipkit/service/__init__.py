"""Two tiers, switched live: backends behind one API, and what is watched while traffic moves.

`wire` has the form of a request. The tiers are apps: `inference` around what answers, `api` before
backends that are URLs, each asked by `asking`; `running` puts one into a process, `on_ray` into
`replicas`. Chapter 09
rehearses them on a `Stage` of processes: `open_tiers` and the verbs beside it.

Beside the tiers: the `ledger` of every request and its `Reconciled` outcomes; the `Meter` of a
tier, as CloudWatch and Prometheus read it; when a switch goes on, holds, or goes back (`Switch`, by
the sequential tests of `Watch`), at a tier that runs by its files (`LiveSwitch`); what a candidate
answered to the same requests (`Tally`), and what that does to a camera's alerts (`AlertRule`).
docs/switching.md has the formulas.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "chapter": [
            *("ask_by_hand", "ask_shadow", "measure_costs", "move_share"),
            *("open_tiers", "read_metrics"),
            *("reconcile_all", "rehearse_rollback", "rehearse_switch"),
        ],
        "alerts": ["AlertChange", "AlertRule", "compare_alerts", "parse_rule"],
        "dashboard": ["dashboard_body", "show_panels"],
        "ledger": ["LedgerFile", "LedgerLine", "answers_digest", "read_ledger"],
        "live_switch": ["LiveSwitch"],
        "metric_lines": ["MetricLine", "read_lines", "values_of"],
        "metrics": ["Meter", "backend_metric"],
        "reconcile": ["Reconciled", "reconcile"],
        "replies": ["join_logs"],
        "routing": ["is_sampled"],
        "shadow": ["Pair", "ShadowSummary", "Tally"],
        "switch": ["Decision", "Plan", "Side", "Switch"],
        "switch_trials": ["Traffic", "try_switches"],
        "watch": ["Evidence", "Rules", "Watch"],
    },
)
