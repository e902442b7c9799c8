"""Arrivals that do not wait for answers, as cameras' do: what rate holds the target?

`schedule` draws when requests arrive, `clients` sends them from a process of its own, `session`
keeps what came of each run, `validity` says whether it may be believed. `search` knows no clock: it
looks for the highest rate, by the share that was `late`; `find_rate` runs it on servers, and a
`RateSearch` is what the runs say together. A `RateRow` is what was found, a record of `rates`;
`judge` has MLPerf's LoadGen say whether it holds. docs/arrivals.md has the formulas.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "basis": ["Basis"],
        "by_hand": ["draw_why_closed_loops_flatter"],
        "find": ["find_rate", "target_of", "where_to_ask"],
        "gates": ["arrival_gates"],
        "judge": ["JudgeRow", "Judgement", "judge_rate", "judge_time"],
        "outcome": ["ArrivalRow", "Outcome"],
        "plan": ["expected_time"],
        "prediction": ["Prediction", "predict_wait", "show_prediction"],
        "queueing": ["erlang_c", "mean_wait_s"],
        "result": ["RateSearch"],
        "rows": ["RateRow"],
        "schedule": ["Offer"],
        "search": ["Goal", "Trial", "judge_trials"],
        "session": ["OfferRun", "Sent"],
        "shares": ["TargetShare"],
        "slowest": ["Slowest", "slowest_of"],
    },
)
