"""``python -m bench.chart``: how long a chart takes that nobody has asked for before.

Builds a year of ``--devices`` devices that are read each 10 s, sealed day by day by the program's
own writers (``bench.archive``), and opens charts of one over growing spans: cold, by a reader of
its own, and once more; last what it takes to read a year ahead, which the console does at its
start. Data are made, not measured.
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench import archive
from console import chart_data
from console.chart_data import ChartData
from storage.archive.days import DAY_MS

PERIOD_MS = 10_000
SPANS = {"1 day": 1, "7 days": 7, "21 days": 21, "30 days": 30, "1 year": 366}


def main() -> None:
    """Print what each span took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--days", type=int, default=366)
    asked = parser.parse_args()
    # Its days are made of one scan each so many milliseconds.
    archive.MINUTE = PERIOD_MS
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        archive.build(data, asked.days, asked.devices)
        end = archive.MONDAY + asked.days * DAY_MS
        for name, days in SPANS.items():
            charts = ChartData(data)
            took = []
            for _ in range(2):
                began_s = time.perf_counter()
                found = charts.read("inc0", end - days * DAY_MS, end, period=PERIOD_MS)
                took.append(time.perf_counter() - began_s)
            charts.close()
            points = sum(len(one.mean) for one in found.values())
            print(
                f"{name}: {took[0]:.2f} s, again {took[1]:.2f} s; {len(found)} channels, "
                f"{points} buckets (at most {chart_data.COUNT} each)"
            )
        charts = ChartData(data)
        began_s = time.perf_counter()
        charts.warm()
        while charts.reads_ahead:
            time.sleep(0.01)
        warm_s = time.perf_counter() - began_s
        began_s = time.perf_counter()
        charts.read("inc0", end - 366 * DAY_MS, end, period=PERIOD_MS)
        took_s = time.perf_counter() - began_s
        print(f"read ahead in {warm_s:.2f} s, then 1 year in {took_s:.2f} s")
        charts.close()


if __name__ == "__main__":
    main()
