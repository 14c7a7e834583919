"""The excursions of a period, the log of a device and courses, of a ledger on PostgreSQL."""

import pytest

from tests.unit.batches.test_course import *
from tests.unit.batches.test_equipment_log import *
from tests.unit.batches.test_excursions import *

pytestmark = pytest.mark.postgres
