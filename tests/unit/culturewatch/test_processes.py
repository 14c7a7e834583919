"""Which signals end a command in order."""

import asyncio
import signal

import pytest

from culturewatch.processes import stopped_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_in_order(number: signal.Signals) -> None:
    with stopped_by_signals() as stop:
        signal.raise_signal(number)
        async with asyncio.timeout(5):
            await stop.wait()


async def test_what_nohup_lets_live_lives() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals() as stop:
            signal.raise_signal(signal.SIGHUP)
            await asyncio.sleep(0)
            assert not stop.is_set()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
