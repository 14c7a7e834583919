"""What ``tests/unit/batches/test_verify_ledger.py`` says of ledgers, on a real PostgreSQL."""

import pytest

from batches.ledger import Ledger
from tests.intruder import Intruder
from tests.unit.batches.test_verify_ledger import (
    test_a_ledger_made_anew_after_the_record_is_found_by_its_head,
    test_a_record_agrees_with_the_data_it_was_made_from,
    test_entries_cut_off_the_end_of_the_journal_are_missed,
    test_what_the_ledger_has_of_the_alarm_history_is_held_against_it,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
def emptied(lived: Ledger, intruder: Intruder) -> Ledger:
    """The ledger of before, where another one stands by now."""
    intruder.run("DROP SCHEMA public CASCADE")
    intruder.run("CREATE SCHEMA public")
    return Ledger(lived.url)
