"""Rule evaluations a second of the alarm engine: calm scans, a device in alarm, state written."""

import argparse
import json
import time
from collections.abc import Callable

from alerts.channel import ChannelSpec
from alerts.engine.engine import Engine
from alerts.policy import Policy, Step
from alerts.rule import Kind, Rule
from alerts.rulebook import Rulebook, build
from devices.duration import Duration
from devices.scan import Layout, Scan
from storage.entry import Started

START = 1_767_600_000_000
CHANNELS = 40
WATCHED = 4


def rulebook(devices: int) -> Rulebook:
    """A high, a low and one silence rule on four channels of each device."""
    specs = [
        ChannelSpec(
            id=f"dev{number}.c{key}", quantity="temperature", period_ms=1_000, resolution=0.01
        )
        for number in range(devices)
        for key in range(WATCHED)
    ]
    kinds: list[tuple[Kind, float | None]] = [("high", 38.0), ("low", 36.0)]
    rules = [
        Rule(
            id=f"{spec.id}-{kind}",
            channel=spec.id,
            kind=kind,
            limit=limit,
            deadband=0.2,
            on_delay=Duration(300_000),
            policy="p",
        )
        for spec in specs
        for kind, limit in kinds
    ]
    rules += [
        Rule(id=f"{spec.id}-silence", channel=spec.id, kind="silence", policy="p")
        for spec in specs
        if spec.key == "c0"
    ]
    policy = Policy(id="p", steps=(Step(after=Duration(0), to=("A",)),))
    return build(rules, channels=specs, policies=[policy])


def scans(devices: int, first: int, seconds: int, value: float) -> list[Scan]:
    """One scan a second of each device, spread over the second."""
    keys = tuple(f"c{key}" for key in range(CHANNELS))
    layouts = [Layout(f"dev{n}", keys, ("temperature",) * CHANNELS) for n in range(devices)]
    good, values = bytes(CHANNELS), (value,) * CHANNELS
    made = []
    for second in range(first, first + seconds):
        for number, layout in enumerate(layouts):
            at = START + second * 1_000 + number * 1_000 // devices
            made.append(Scan(layout, at, at + 2, values, good))
    return made


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of ``work``."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Print a table and, with ``--json``, the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    print(report(options.devices, options.seconds, as_json=options.json))


def report(devices: int, seconds: int, *, as_json: bool) -> str:
    """Measure and describe."""
    book = rulebook(devices)
    engines: list[Engine] = []
    made = timed(lambda: engines.append(Engine(book)))
    engine = engines[0]
    engine.advance(0, Started(at=START, version="bench", configuration=book.digest))
    warm, calm = scans(devices, 1, 1, 37.0), scans(devices, 2, seconds, 37.0)
    risen = scans(devices, 2 + seconds, 3, 39.0)
    take(engine, warm)
    calm_s = timed(lambda: take(engine, calm))
    engine.changed()
    take(engine, scans(devices, 1 + seconds, 1, 37.0))
    write_s = timed(engine.changed)
    risen_s = timed(lambda: take(engine, risen))
    rules = 2 * WATCHED
    results = {
        "devices": devices,
        "channels": devices * CHANNELS,
        "rules": len(book.rules),
        "start_s": round(made, 3),
        "calm_us_per_scan": round(calm_s / len(calm) * 1e6, 2),
        "calm_us_per_evaluation": round(calm_s / len(calm) / rules * 1e6, 3),
        "evaluations_per_s": round(len(calm) * rules / calm_s),
        "core_percent_at_1_hz": round(calm_s / seconds * 100, 2),
        "changed_ms_per_s": round(write_s * 1e3, 2),
        "active_us_per_evaluation": round(risen_s / len(risen) / rules * 1e6, 2),
    }
    if as_json:
        return json.dumps(results, indent=2)
    width = max(map(len, results))
    return "\n".join(f"{name:<{width}}  {value:>12}" for name, value in results.items())


def take(engine: Engine, entries: list[Scan]) -> None:
    """Feed scans; timers are worked off by the scans themselves."""
    for seq, scan in enumerate(entries, engine.cursor + 1):
        engine.advance(seq, scan)


if __name__ == "__main__":
    main()
