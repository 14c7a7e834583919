"""The file of a protocol, to be edited."""

from collections.abc import Callable
from pathlib import Path

GOOD = """
name = "fibroblast"
version = "3"

[[step]]
id = "culture"
devices = ["inc*"]
second_check = true

[[step.limit]]
channel = "temperature"
low = 36.0
high = 38.0
coverage = 95.0
allowed = { low = 34.0, high = 39.0, longest = "5m", times = 1, per = "24h" }

[[step.limit]]
channel = "carbon_*"
low = 4.5
high = 5.5
coverage = 95.0
"""
"""As written for these tests; the limits are plausible ones, not a rule."""


Edit = Callable[[str, str], Path]
