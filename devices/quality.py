"""How far a value may be trusted; absence is one of the answers."""

from enum import IntEnum


class Quality(IntEnum):
    """The mark each value carries. The number is what is stored, the name what is written."""

    GOOD = 0
    SUSPECT = 1
    OUT_OF_RANGE = 2
    SENSOR_FAULT = 3
    NO_ANSWER = 4
    STALE = 5
    CLOCK_UNSURE = 6
    IN_CALIBRATION = 7
    TEST = 8

    @property
    def word(self) -> str:
        """The name as configuration files, points and screens spell it: ``no_answer``."""
        return self.name.lower()

    @property
    def has_value(self) -> bool:
        """Whether a reading of this quality carries a number."""
        return self not in VALUELESS

    @classmethod
    def parse(cls, word: str) -> "Quality":
        """The quality spelled ``word``.

        Raises:
            ValueError: no quality is spelled so.
        """
        try:
            return cls[word.upper()]
        except KeyError:
            known = ", ".join(quality.word for quality in cls)
            raise ValueError(f"no quality is called {word!r}; known: {known}") from None


VALUELESS = frozenset(
    {Quality.OUT_OF_RANGE, Quality.SENSOR_FAULT, Quality.NO_ANSWER, Quality.STALE}
)
