"""What the doctor finds: what is the matter, what it endangers, and what to do."""

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing. ``area`` is where, ``endangers`` is empty for what is only to be known."""

    area: str
    what: str
    endangers: str = ""
    do: str = ""

    @property
    def is_danger(self) -> bool:
        """Whether readings, pages or proofs may be lost by it."""
        return bool(self.endangers)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one look at a site, and what was measured for them."""

    site: str
    findings: tuple[Finding, ...]
    measured: dict[str, float]

    @property
    def is_well(self) -> bool:
        """Whether nothing endangers anything."""
        return not any(finding.is_danger for finding in self.findings)
