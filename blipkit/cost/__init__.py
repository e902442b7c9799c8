"""What a million good answers cost, against the GPU, and what it would take to save 83 %.

Chapter 05's verbs stand in `pricing`, `cameras`, `comparison`, `claim` and `decision`; the formulas
behind them in `dollars`, prices in `prices` and `price_list`, the systems of results folders in
`systems`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cameras": ["find_payback", "size_fleet", "vary_knobs"],
        "checks": ["check_instance", "check_prices"],
        "claim": ["explain_claim", "mix_options", "price_anchors"],
        "comparison": ["compare_systems", "explain_savings"],
        "decision": ["NOT_ENOUGH", "Decision", "decide", "decide_move"],
        "dollars": ["camera_year", "payback", "priced", "saving", "savings", "usd_per_million"],
        "knobs": ["Cost"],
        "price_list": ["refresh"],
        "prices": ["Price", "age_gate", "find_price", "load_prices"],
        "pricing": ["choose_prices", "price_points", "price_settings"],
    },
)
