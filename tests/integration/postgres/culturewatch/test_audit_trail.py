"""``tests/unit/culturewatch/test_audit_trail.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_audit_trail import *

pytestmark = pytest.mark.postgres
