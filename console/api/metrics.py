"""What a Prometheus server is told of the core and the alarms: the one door to its client."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from console.view import SiteView

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(view: SiteView) -> bytes:
    """``view`` in the text format of Prometheus. What is not known is not there."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Seen(view))
    return generate_latest(registry)


class _Seen(Collector):
    def __init__(self, view: SiteView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        view = self._view
        alive = GaugeMetricFamily("culturewatch_core_up", "1 while the core writes its state")
        alive.add_metric([], float(view.core_alive))
        yield alive
        problems = GaugeMetricFamily(
            "culturewatch_unreadable", "parts of the site that the console could not read"
        )
        problems.add_metric([], len(view.problems))
        yield problems
        yield from _devices(view)
        if view.counts is not None:
            yield from _alarms(view)
        if view.status is not None:
            yield from _core(view)


def _devices(view: SiteView) -> Iterator[Metric]:
    silent = GaugeMetricFamily(
        "culturewatch_device_silent", "1 while a device says nothing", labels=["device"]
    )
    value = GaugeMetricFamily(
        "culturewatch_reading",
        "the newest good reading, in the stored unit of its quantity",
        labels=["device", "channel", "quantity", "unit"],
    )
    trusted = GaugeMetricFamily(
        "culturewatch_reading_good", "1 while the newest reading is good", labels=["channel"]
    )
    for device in view.devices:
        silent.add_metric([device.id], float(device.silent))
        for channel in device.channels:
            good = channel.quality == "good"
            trusted.add_metric([channel.id], float(good))
            if good and channel.value is not None:
                labels = [device.id, channel.id, channel.quantity, channel.unit]
                value.add_metric(labels, channel.value)
    yield from (silent, value, trusted)


def _alarms(view: SiteView) -> Iterator[Metric]:
    if view.counts is None:
        return
    standing = GaugeMetricFamily(
        "culturewatch_alarms_open", "alarms that are open", labels=["severity", "state"]
    )
    found: dict[tuple[str, str], int] = {}
    for alarm in view.alarms:
        key = alarm.severity, alarm.state
        found[key] = found.get(key, 0) + 1
    for (severity, state), count in sorted(found.items()):
        standing.add_metric([severity, state], count)
    yield standing
    waiting = GaugeMetricFamily("culturewatch_pages_waiting", "pages that no provider has taken")
    waiting.add_metric([], view.counts.waiting)
    yield waiting
    failed = CounterMetricFamily("culturewatch_pages_failed", "pages that never went out")
    failed.add_metric([], view.counts.failed)
    yield failed


def _core(view: SiteView) -> Iterator[Metric]:
    if view.status is None:
        return
    status = view.status
    fill = GaugeMetricFamily("culturewatch_journal_fill_ratio", "how full the journal may yet get")
    fill.add_metric([], status.journal.fill)
    yield fill
    refused = CounterMetricFamily(
        "culturewatch_readings_refused", "readings that the journal could not take since the start"
    )
    refused.add_metric([], status.refused)
    yield refused
    if status.forwarding is not None:
        behind = GaugeMetricFamily(
            "culturewatch_forwarding_behind_seconds", "age of the oldest entry not in InfluxDB"
        )
        behind.add_metric([], status.forwarding.behind_ms / 1000)
        yield behind
        live = GaugeMetricFamily(
            "culturewatch_forwarding_live_seconds", "age of the oldest live entry not in InfluxDB"
        )
        live.add_metric([], status.forwarding.live_ms / 1000)
        yield live
        backlog = GaugeMetricFamily(
            "culturewatch_forwarding_backlog_entries", "entries that go out behind live ones"
        )
        backlog.add_metric([], status.forwarding.backlog)
        yield backlog
