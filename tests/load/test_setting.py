"""A setting has one name everywhere: in tables, in records and as a file of samples."""

from dataclasses import replace

from made_up import cost_row

from blipkit.load.setting import COLUMNS, Setting, differ_in_clients, name_of
from blipkit.records.typed import record_of, row_of

ONE = Setting("neuron matmult bf16", "pipeline", "processes", 2, 8)


def test_a_setting_is_told_by_servers_and_clients():
    """Its placement is said where it is not threads."""
    assert (
        name_of(ONE) == "2-8 processes"
        and str(ONE) == "neuron matmult bf16, pipeline, processes, 2, 8"
    )
    assert name_of(Setting("torchscript float32", "pipeline", "threads", 1, 4)) == "1-4"


def test_a_batch_is_said_where_there_is_one():
    """In its name, in its text and in that of its samples; a batch of one is not said."""
    batched = replace(ONE, batch_size=4)
    assert name_of(batched) == "2-8 processes batch 4"
    assert str(batched) == f"{ONE}, batch 4"
    assert batched.samples_name(0).endswith("processes-2-8-batch-4-0")


def test_its_requests_are_kept_under_a_name_without_spaces():
    """With the number of the run at the end."""
    assert ONE.samples_name(3) == "requests/neuron-matmult-bf16-pipeline-processes-2-8-3"


def test_a_record_is_of_the_setting_that_made_it():
    """And of no other; whatever else it has does not matter."""
    record = record_of(ONE)
    assert tuple(record) == COLUMNS and row_of(Setting, {**record, "run": 1, "sent": 5}) == ONE
    assert row_of(Setting, {**record, "clients": 4}) != ONE


def test_settings_and_rows_of_them_may_differ_in_clients_alone():
    """Whichever kind of row says it."""
    assert differ_in_clients(ONE, replace(ONE, clients=1))
    for changes in ({"servers": 1}, {"batch_size": 4}, {"placement": "threads"}, {"arm": "a"}):
        assert not differ_in_clients(ONE, replace(ONE, **changes))
    assert differ_in_clients(cost_row(clients=1), cost_row(clients=8))
    assert differ_in_clients(cost_row(), Setting("a", "pipeline", "threads", 2, 1))
