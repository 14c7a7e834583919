"""The tests of ``tests/unit/console/sign_on`` on a real PostgreSQL."""

import pytest

from tests.unit.console.sign_on.conftest import *
from tests.unit.console.sign_on.test_lies import *
from tests.unit.console.sign_on.test_sign_on import *

pytestmark = pytest.mark.postgres
