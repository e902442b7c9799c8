"""Ledger lines that the tests of this folder make up."""

from blipkit.service.ledger import LedgerLine

STATUS = {"answered": 200, "refused": 503, "rejected": 400, "failed": 500, "lost": 0}


def made_line(request_id, tier="client", outcome="answered", answers="a", attempt=1) -> LedgerLine:
    """A line with the status that its outcome has."""
    return LedgerLine(
        request_id=request_id,
        tier=tier,
        outcome=outcome,
        status=STATUS[outcome],
        backend="gpu" if outcome == "answered" else "",
        attempt=attempt,
        at_s=1000.0,
        latency_ms=12.5,
        answers=answers if outcome == "answered" else "",
    )


def sound_run(outcomes):
    """(client, api, inference) ledgers of requests that all went well, one of each outcome given."""
    ids = [f"r{number}" for number in range(len(outcomes))]
    client = [made_line(one, "client", outcome) for one, outcome in zip(ids, outcomes, strict=True)]
    api = [made_line(one, "api", outcome) for one, outcome in zip(ids, outcomes, strict=True)]
    executed = [one for one, outcome in zip(ids, outcomes, strict=True) if outcome == "answered"]
    return client, api, [made_line(one, "inference") for one in executed]
