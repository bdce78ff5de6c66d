"""How good answers are, and how two models compare on the same samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How good answers are, as one number.

    Attributes:
        key: In JSON.
        label: For people, short.
        name: For people, in a sentence.
        is_share: It is 1 at most and shown in percent; otherwise it has the unit of the targets.
        more_is_better: Its direction.
    """

    key: str
    label: str
    name: str
    is_share: bool = True
    more_is_better: bool = True

    @property
    def heading(self) -> str:
        """The label with its unit, such as ``top-1 %``."""
        return f"{self.label} %" if self.is_share else self.label

    @property
    def title(self) -> str:
        """The label at the beginning of a line; an abbreviation stays as it is."""
        return self.label.capitalize() if self.label.islower() else self.label

    @property
    def column(self) -> str:
        """The title with its unit, such as ``Top-1, %``."""
        return f"{self.title}, %" if self.is_share else self.title

    @property
    def unit(self) -> str:
        """What a difference of two is in: points, or the metric's own unit, named after it."""
        return "points" if self.is_share else self.label


@dataclass(frozen=True)
class Duel:
    """Two models on the same samples.

    Attributes:
        gained: Cases that the model gets right, or nearer to the truth, and its baseline does not.
        lost: The other way round.
        cases: All of them: samples, or a sample's labels one by one.
    """

    gained: int
    lost: int
    cases: int
