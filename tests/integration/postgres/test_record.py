"""The tests of ``tests/unit/batches/record`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.record.conftest import *
from tests.unit.batches.record.test_axis import *
from tests.unit.batches.record.test_folder import *
from tests.unit.batches.record.test_said import *

pytestmark = pytest.mark.postgres
