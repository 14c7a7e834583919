"""Why a device could not be read, told apart by what helps."""

from collector.frame import EXCEPTIONS

LASTING = frozenset({1, 2, 3})
"""Exceptions that the same question will always meet."""
UNREACHED = frozenset({10, 11})
"""Exceptions by which a gateway says that the unit behind it is silent."""


class DeviceError(Exception):
    """A device could not be read; the text says which, and why."""


class LinkError(DeviceError):
    """No answer, or no connection: it may be there later."""


class NoAnswerError(LinkError):
    """The connection stands, but this unit said nothing in time."""


class RefusedError(DeviceError):
    """The device answered with an exception: it is alive, but does not give this."""

    def __init__(self, where: str, code: int) -> None:
        self.code = code
        self.words = EXCEPTIONS.get(code, "unknown exception")
        super().__init__(f"{where}: exception {code}, {self.words}")

    @property
    def is_lasting(self) -> bool:
        """Whether asking again is of no use until a person has mended the profile."""
        return self.code in LASTING
