"""The certificate of the console: whether it can serve by it, and for how long yet."""

from collections.abc import Iterator

from console.certificate import RENEW_BEFORE_MS, CertificateError, context, expires
from culturewatch.doctor.finding import Finding
from culturewatch.site import Site
from devices.duration import Duration

DAY_MS = 86_400_000
PRESSING_MS = 7 * DAY_MS
_AREA = "console certificate"
_SHUT = "nobody sees the console or acknowledges through a link (pages go out all the same)"


def certificate(site: Site, now: int) -> Iterator[Finding]:
    """What is the matter with it at ``now`` (epoch ms)."""
    files = site.console_tls
    if files is None:
        return
    try:
        context(files)
        left = expires(files.certificate) - now
    except CertificateError as error:
        yield Finding(area=_AREA, what=str(error), endangers=_SHUT, do="put good files there")
        return
    if left > RENEW_BEFORE_MS:
        return
    when = f"in {Duration(left // DAY_MS * DAY_MS)}" if left >= DAY_MS else "within a day"
    yield Finding(
        area=_AREA,
        what=f"{files.certificate}: " + ("has expired" if left <= 0 else f"expires {when}"),
        endangers=_SHUT if left <= PRESSING_MS else "",
        do="renew it; what lies there then is shown within a minute, without a restart",
    )
