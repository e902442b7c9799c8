"""What a million good answers cost, against the GPU, and what it would take to save 83 %.

Chapter 05's verbs stand in `pricing`, `points`, `cameras`, `comparison`, `claim` and `decision`;
the formulas behind them in `dollars` and `fleets`, on the rows of `rows`; whether a cost is known
well enough in `cost_interval`; prices in `prices`, `offers` and `price_list`; the systems of
results folders in `systems`, whether each is evidence of one thing in `provenance`, what a decision
lacks in `missing`. What an Inf2 is expected to do, before anyone measured it, in `forecast`, by the
arithmetic of `expected` on what others published of their hardware, `anchors`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "anchors": ["Published", "read_anchors"],
        "cameras": ["find_payback", "size_fleet", "vary_knobs"],
        "checks": ["check_instance", "check_prices"],
        "claim": ["explain_claim", "mix_options", "price_anchors"],
        "comparison": ["compare_systems", "explain_savings"],
        "decision": ["NOT_ENOUGH", "Decision", "decide_move", "weigh_folders"],
        "dollars": [
            "answer_cost",
            "compare_costs",
            "payback",
            "saving",
            "usd_per_million",
        ],
        "forecast": ["make_forecast", "read_forecast", "score", "show_forecast"],
        "knobs": ["Cost"],
        "price_list": ["refresh_prices"],
        "missing": ["MissingStep"],
        "prices": ["Price", "age_gate", "find_price", "load_prices"],
        "points": ["price_points"],
        "pricing": ["choose_prices", "price_settings"],
        "rows": ["AnswerCost", "CostRow"],
        "systems": ["System", "systems_of"],
    },
)
