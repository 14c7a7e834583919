"""The tests of ``tests/unit/batches/protocol`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.protocol.conftest import *
from tests.unit.batches.protocol.test_judged import *
from tests.unit.batches.protocol.test_protocol_file import *
from tests.unit.batches.protocol.test_version import *

pytestmark = pytest.mark.postgres
