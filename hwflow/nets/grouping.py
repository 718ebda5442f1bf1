"""Notes, while a network is built, which of its channels belong together."""

from __future__ import annotations

from dataclasses import dataclass, field

from hwflow.nets.filters import FilterGroup


@dataclass
class _Open:
    """A group so far, as ``FilterGroup`` has it; ``held``: by a residual sum."""

    channels: int
    units: list[int] = field(default_factory=list)
    readers: list[int] = field(default_factory=list)
    held: bool = False


class Grouping:
    """The filter groups of a network under construction, by numbers that later ones may share."""

    def __init__(self) -> None:
        self._open: list[_Open] = []

    def new(self, unit: int, channels: int) -> int:
        """Return the number of a new group: the ``channels`` that the layer ``unit`` makes."""
        self._open.append(_Open(channels, [unit]))
        return len(self._open) - 1

    def passes(self, group: int, unit: int) -> None:
        """Note that the depthwise layer ``unit`` passes each channel on."""
        self._open[group].units.append(unit)

    def reads(self, group: int, unit: int) -> None:
        """Note that ``unit`` has all channels as inputs."""
        self._open[group].readers.append(unit)

    def makers(self, group: int) -> tuple[int, ...]:
        """Return the layers that have filters for the channels, in order of execution."""
        return tuple(sorted(self._open[group].units))

    def hold(self, one: int, other: int) -> None:
        """Note that a residual sum holds both groups' channels together; both numbers stay."""
        into, gone = self._open[one], self._open[other]
        assert into.channels == gone.channels, "what is added has the same channels"
        into.held = True
        if gone is into:
            return
        into.units += gone.units
        into.readers += gone.readers
        self._open = [into if each is gone else each for each in self._open]

    def groups(self) -> tuple[FilterGroup, ...]:
        """Return the groups in order of their first layer."""
        found = [
            FilterGroup(
                tuple(sorted(each.units)),
                each.channels,
                tuple(sorted(each.readers)),
                prunable=not each.held,
            )
            for each in {id(each): each for each in self._open}.values()
        ]
        return tuple(sorted(found, key=lambda group: group.units))
