"""What the console's screens are made from."""

from collections.abc import Mapping
from typing import NamedTuple

from console.chart_data import ChartData
from console.entrance import Entrance
from console.orders import OrderDesk
from console.pin_desk import PinDesk
from console.record_desk import RecordDesk
from console.settings import ConsoleSettings
from console.sight import Sight
from console.trends import Line
from console.view import SiteView


class Means(NamedTuple):
    """``cookie`` is the name of the session's, ``version`` of the files of style."""

    settings: ConsoleSettings
    entrance: Entrance
    orders: OrderDesk
    sight: Sight[SiteView]
    trends: Sight[Mapping[str, Line]]
    charts: ChartData
    records: RecordDesk | None
    pins: PinDesk | None
    cookie: str
    version: str
