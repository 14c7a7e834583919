"""``tests/unit/console/test_acknowledge.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_acknowledge import *
from tests.unit.console.test_acknowledge import (
    test_a_ledger_that_cannot_be_read_is_not_taken_for_an_empty_incubator,
)

# It damages a file; of a server that is away postgres/test_outage.py tells.
del test_a_ledger_that_cannot_be_read_is_not_taken_for_an_empty_incubator

pytestmark = pytest.mark.postgres
