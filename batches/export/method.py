"""In words how the readings of a record were summed up, by what it says of that."""

from batches.export.wording import span
from batches.holding import Method
from batches.record import BatchRecord


def method(record: BatchRecord) -> str:
    """The sentences below the figures: with the times that were applied, device by device."""
    how = record.method
    periods = dict.fromkeys(
        (stay.placement.device, summary.exposure.period)
        for stay in record.stays
        for summary in stay.channels
    )
    told = "; ".join(f"{device} {_held(how, period)}" for device, period in periods)
    return (
        f"Mean, SD and mean kinetic temperature (MKT, ΔH {how.delta_h:g} kJ/mol) are weighted by "
        f"time. A reading holds until the next one where that follows within {how.holds:g} "
        f"periods, else for one period ({told}); what is beyond is a gap. Gaps carry no weight "
        "and are never counted as in limits. MKT marked * is information only: below "
        f"{how.cryogenic:g} °C it follows the warmest hour alone."
    )


def _held(how: Method, period: int) -> str:
    return f"{span(int(how.holds * period))}, else {span(period)}"
