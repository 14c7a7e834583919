"""The routes of ``tests/unit/console/api`` on a real PostgreSQL."""

import pytest

from tests.unit.console.api.test_access import *
from tests.unit.console.api.test_events import *
from tests.unit.console.api.test_routes import *
from tests.unit.console.api.test_routes import test_who_only_looks_makes_no_ledger

# The ledger is there before the console is.
del test_who_only_looks_makes_no_ledger

pytestmark = pytest.mark.postgres
