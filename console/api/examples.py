"""What answers of the API look like: one of each kind, as it is sent. A test holds their shapes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_AT = 1_767_956_400_000
"""2026-01-09, 11:00 UTC."""
_TEMPERATURE: dict[str, Any] = {
    "id": "inc1.temperature",
    "key": "temperature",
    "quantity": "temperature",
    "unit": "degC",
    "value": 36.9,
    "quality": "good",
    "at": _AT - 1_200,
    "age_ms": 1_200,
    "alarm": None,
}
_DOOR: dict[str, Any] = {
    "id": "inc1.door",
    "key": "door",
    "quantity": "state",
    "unit": "1",
    "value": None,
    "quality": "no_answer",
    "at": _AT - 1_200,
    "age_ms": 1_200,
    "alarm": None,
}
_ALARM: dict[str, Any] = {
    "rule": "inc1-temperature-high",
    "channel": "inc1.temperature",
    "state": "U",
    "filter": "F0",
    "quality": "GOOD",
    "overlay": "",
    "escalation": "RUN",
    "step": 0,
    "step_due": _AT + 300_000,
    "severity": "critical",
    "worst": "critical",
    "occurrence": 3,
    "activation": 1,
    "since": _AT - 60_000,
    "acked_by": [],
    "paged": ["operator-1"],
    "under": "",
    "consequences": [],
    "quiet": [],
    "held": 0,
    "error": "",
    "value": 38.6,
    "value_at": _AT - 1_200,
}
_BATCH: dict[str, Any] = {
    "row": 12,
    "id": "B-2026-0001",
    "product": "Fibroblasts, P2",
    "protocol": "",
    "opened_at": _AT - 86_400_000,
    "opened_by": "operator-1",
    "reason": "",
    "closed_at": None,
    "closed_by": None,
    "closed_why": None,
    "closure": None,
}
_PLACEMENT: dict[str, Any] = {
    "row": 13,
    "batch": "B-2026-0001",
    "device": "inc1",
    "position": "shelf 2",
    "start": _AT - 86_000_000,
    "end": None,
    "by": "operator-1",
    "entered": _AT - 86_000_000,
    "reason": "",
    "corrects": None,
    "departure": None,
    "checked_by": None,
}
_LINK: dict[str, Any] = {
    "endpoint": "10.0.0.21:502",
    "connected": True,
    "connects": 1,
    "requests": 4_212,
    "timeouts": 1,
    "late_answers": 0,
    "stray_answers": 0,
    "wrong_unit": 0,
    "mismatched": 0,
    "garbage": 0,
}
_POLLED: dict[str, Any] = {
    "device": "inc1",
    "endpoint": "10.0.0.21:502",
    "unit": 1,
    "is_answering": True,
    "is_probed": False,
    "polls": 4_211,
    "on_time": 4_210,
    "missed": 0,
    "unanswered": 1,
    "refused_blocks": 0,
    "round_trip_ms": 12.4,
}
_TALK: dict[str, Any] = {
    "endpoint": "10.0.0.31:10001",
    "connected": True,
    "connects": 1,
    "devices": [{"device": "ln2a", "is_answering": True, "polls": 702, "answered": 701}],
}
_JOURNAL: dict[str, Any] = {
    "last": 918_233,
    "entries": 4_930,
    "duplicates": 0,
    "conflicts": 0,
    "quarantined": 0,
    "damaged": 0,
    "commits": 2_410,
    "pending": 0,
    "oldest_pending_ms": 0,
    "bytes": 41_943_040,
    "fill": 0.02,
    "start_s": 0.3,
    "trouble": "",
}
_STATUS: dict[str, Any] = {
    "at": _AT - 400,
    "started": _AT - 42_000_000,
    "pid": 811,
    "version": "0.1.0",
    "configuration": "5f2b" * 16,
    "journal": _JOURNAL,
    "modbus": [{"link": _LINK, "devices": [_POLLED]}],
    "lines": [_TALK],
    "http": [],
    "mqtt": {},
    "forwarding": None,
    "alarm_cursor": 918_233,
    "refused": 0,
    "troubles": [],
    "clock": {"error_us": 1_800, "unsure": False},
}
_DEVICE: dict[str, Any] = {
    "id": "inc1",
    "name": "Incubator 1",
    "location": "Culture room",
    "silent": False,
    "batches": ["B-2026-0001"],
    "vials": 0,
    "channels": [_TEMPERATURE, _DOOR],
}
_ACKNOWLEDGED: dict[str, Any] = {
    "number": 41,
    "hash": "9c1e" * 16,
    "transition": {
        "at": _AT,
        "what": "ack",
        "rule": "inc1-temperature-high",
        "channel": "inc1.temperature",
        "occurrence": 3,
        "why": "door closed",
        "by": "operator-1",
    },
}
_BUCKETS: list[dict[str, Any]] = [
    {
        "at": _AT - 7_200_000,
        "good": 60,
        "other": 0,
        "least": 36.8,
        "mean": 36.91,
        "most": 37.1,
        "last_other": "",
    },
    {
        "at": _AT - 3_600_000,
        "good": 0,
        "other": 60,
        "least": None,
        "mean": None,
        "most": None,
        "last_other": "no_answer",
    },
]

EXAMPLES: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "Fault": {"detail": "no device ever spoke on 'inc9.x'"},
        "Unusable": {
            "detail": "1 mistakes in the files: all goes on as before",
            "findings": [
                "site.toml:5: site: unknown key `time_zoen`; did you mean `time_zone`?",
            ],
        },
        "Devices": {"at": _AT, "devices": [_DEVICE], "problems": []},
        "Alarms": {"at": _AT, "core_alive": True, "alarms": [_ALARM], "problems": []},
        "History": {"rows": [_ACKNOWLEDGED], "next": 41},
        "Batches": {"batches": [_BATCH]},
        "Placements": {"placements": [_PLACEMENT]},
        "Health": {
            "at": _AT,
            "core_alive": True,
            "core_age_ms": 400,
            "status": _STATUS,
            "problems": [],
        },
        "Acted": {"accepted": True, "why": "operator-1 has it"},
        "Curve": {
            "channel": "inc1.temperature",
            "quantity": "temperature",
            "unit": "degC",
            "start": _AT - 7_200_000,
            "end": _AT,
            "step": 3_600_000,
            "damaged": 0,
            "of": "readings",
            "buckets": _BUCKETS,
        },
    }
)
"""By the name of the kind."""
READING = {
    "at": _AT,
    "received": _AT + 40,
    "value": 36.9,
    "quality": "good",
    "source": "live",
}
"""A line of ``/readings/each``."""
