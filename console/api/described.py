"""What the description of the API (OpenAPI) says of answers, from the types that are sent."""

from typing import Any

import msgspec

from alerts.engine.view import AlarmView
from alerts.transition import Transition
from batches.batch import Batch
from batches.placement import Placement
from console.api.examples import EXAMPLES
from console.api.readings import Curve
from console.run_status import RunStatus
from console.view import DeviceView


class Fault(msgspec.Struct, frozen=True):
    """Why there is no answer, and what to do."""

    detail: str


class Devices(msgspec.Struct, frozen=True):
    """Every device with its newest readings, as of ``at`` (epoch ms)."""

    at: int
    devices: tuple[DeviceView, ...]
    problems: tuple[str, ...]


class Alarms(msgspec.Struct, frozen=True):
    """Alarms that are open, the unacknowledged first."""

    at: int
    core_alive: bool
    alarms: tuple[AlarmView, ...]
    problems: tuple[str, ...]


class Happened(msgspec.Struct, frozen=True):
    """A row of the alarm history, with the hash that chains it to the one before."""

    number: int
    hash: str
    transition: Transition


class History(msgspec.Struct, frozen=True):
    """Rows in order; ask on with ``after`` = ``next``."""

    rows: tuple[Happened, ...]
    next: int


class Batches(msgspec.Struct, frozen=True):
    """Batches in the order of opening."""

    batches: tuple[Batch, ...]


class Placements(msgspec.Struct, frozen=True):
    """Where a batch stood, or what stands in a device; corrections applied."""

    placements: tuple[Placement, ...]


class Health(msgspec.Struct, frozen=True):
    """Whether the core runs, and how it is."""

    at: int
    core_alive: bool
    core_age_ms: int | None
    status: RunStatus | None
    problems: tuple[str, ...]


class Acted(msgspec.Struct, frozen=True):
    """What the core said: ``accepted``, or None while it has not answered; it is kept then."""

    accepted: bool | None
    why: str


class Unusable(msgspec.Struct, frozen=True):
    """Why the site's files cannot take the place of what it runs with; nothing was changed.

    ``findings`` are lines that each say where, what, and what to do.
    """

    detail: str
    findings: tuple[str, ...]


ANSWERS = (Fault, Unusable, Devices, Alarms, History, Batches, Placements, Health, Acted, Curve)
_REF = "#/components/schemas/{name}"


def schemas() -> dict[str, Any]:
    """The schemas of all answers, for ``components``."""
    return msgspec.json.schema_components(ANSWERS, ref_template=_REF)[1]


def answers(kind: type, *more: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What a route answers: ``kind``, and a fault with each of the statuses it may have."""
    faults = {401, 403, 422, 429, 503, *more}
    found: dict[int | str, dict[str, Any]] = {status: _of(kind)}
    return found | {code: _of(Fault) for code in sorted(faults)}


def _of(kind: type) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name=kind.__name__)}
    about = (kind.__doc__ or kind.__name__).splitlines()[0]
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def illustrate(document: dict[str, Any]) -> None:
    """Put an example beside each schema of an answer; whole, with what is None."""
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                content = answer.get("content", {}).get("application/json", {})
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if name in EXAMPLES:
                    content["example"] = EXAMPLES[name]
