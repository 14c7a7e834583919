"""The alarm figures beside what ISA-18.2 and EEMUA 191 ask for, as a table."""

from rich.table import Table

from alerts.kpi import Kpi
from console.figures import lines


def table(found: Kpi, title: str) -> Table:
    """All figures; one that is not met is marked in words, not by colour alone."""
    drawn = Table("figure", "value", "asked for", "", title=title, title_justify="left")
    for line in lines(found):
        mark = "" if line.met is None else ("ok" if line.met else "NOT MET")
        drawn.add_row(line.figure, line.value, line.asked, mark)
    return drawn
