"""The collectors of a site, over one journal and one clock."""

from collector.clock import AnchoredClock
from collector.modbus_collector import ModbusCollector
from collector.mqtt import MqttCollector
from collector.mqtt_topics import TopicMemory
from collector.reconnect import ConnectBudget
from culturewatch.parts import broker_settings, modbus_devices, subscriptions
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from devices.scan import Scan
from storage.entry import ClockStep
from storage.journal import Journal, JournalFullError


class Collecting:
    """All that brings readings in. ``refused`` counts scans that the journal could not take."""

    def __init__(self, site: Site, journal: Journal, troubles: Troubles) -> None:
        self.refused = 0
        self._journal = journal
        self._troubles = troubles
        self.clock = AnchoredClock(self._clock_was_set)
        self.modbus = ModbusCollector(
            modbus_devices(site),
            clock=self.clock,
            deliver=self._deliver,
            on_crash=troubles.crashed,
        )
        self.brokers = {
            broker.id: MqttCollector(
                broker_settings(site, broker),
                subscriptions(site, broker),
                journal,
                self.clock,
                memory=TopicMemory(site.data / f"topics-{broker.id}.json"),
                budget=ConnectBudget(),
            )
            for broker in site.file.broker
            if site.behind(broker)
        }

    def _deliver(self, scan: Scan) -> None:
        try:
            self._journal.append(scan)
        except JournalFullError as error:
            if not self.refused:
                self._troubles.say(f"readings are being LOST: {error}")
            self.refused += 1

    def _clock_was_set(self, step: ClockStep) -> None:
        self._troubles.say(f"the wall clock was set by {step.step / 1000:+.1f} s")
        self._journal.append(step)
