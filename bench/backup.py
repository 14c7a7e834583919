"""``python -m bench.backup``: how long a backup, the next one and putting it back take.

The data are those of ``bench.record``: a tank read every 10 s for ``--days``, in the journal. What
a site has sealed is linked from the second backup on; here all but the journal and ledger is small.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.record import START, lay_out
from storage.backup.making import What, make
from storage.backup.restoring import restore

_MB = 1e6


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        data, out = Path(base) / "data", Path(base) / "backups"
        lay_out(data, asked.days, 10_000, vial=True)
        what = What(site="bench", software="0", site_file="", data=data, data_name="data", files=())
        for n in range(2):
            began, worked = time.perf_counter(), time.process_time()
            made = make(what, out, now=START + n)
            took, busy = time.perf_counter() - began, time.process_time() - worked
            print(
                f"backup {n + 1}: {made.total_bytes / _MB:.0f} MB, {made.new_bytes / _MB:.0f} MB "
                f"new: {took:.2f} s, of which {busy:.2f} s of the processor"
            )
        began, worked = time.perf_counter(), time.process_time()
        restore(made.path, Path(base) / "new")
        took, busy = time.perf_counter() - began, time.process_time() - worked
        print(f"restore: {took:.2f} s, of which {busy:.2f} s of the processor")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
