"""The tests of ``tests/unit/batches/shipping`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.shipping.conftest import *
from tests.unit.batches.shipping.test_consignment import *
from tests.unit.batches.shipping.test_custody import *
from tests.unit.batches.shipping.test_journey import *
from tests.unit.batches.shipping.test_return import *

pytestmark = pytest.mark.postgres
