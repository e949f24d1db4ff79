"""Lines of a loop that has nothing to do: QEMU logs them anew in each turn, ten thousand times a second."""

from collections.abc import Iterator
from dataclasses import dataclass

from .lines import TraceLine


@dataclass(frozen=True, slots=True)
class Repeated:
    """Lines that came again, word for word.

    Attributes:
        turn: the one or two lines before, which came again.
        last: the last one that did.
        times: how often they did.
    """

    turn: tuple[TraceLine, ...]
    last: TraceLine
    times: int


class IdleLines:
    """Passes on what is new, and counts what is not.

    Only lines that the table calls idle are counted, and only if one or two of them come again and again with
    nothing between them.
    """

    def __init__(self) -> None:
        self._passed: list[TraceLine] = []
        self._held: list[TraceLine] = []
        self._times = 0
        self._last: TraceLine | None = None

    def pass_on(self, line: TraceLine, *, idle: bool) -> Iterator[TraceLine | Repeated]:
        """What is to be passed on, now that this line came.

        Args:
            line: the next one.
            idle: whether the table calls it idle.
        """
        if not idle:
            yield from self.end()
            yield line
            return
        expected = self._expected()
        if expected is not None and _same(line, expected):
            self._held.append(line)
            if len(self._held) == len(self._passed):
                self._times += 1
                self._last = line
                self._held.clear()
            return
        yield from self._settle()
        self._passed = [*self._passed, line][-2:]
        if len(self._passed) == 2 and _same(*self._passed):
            self._times, self._last = 1, line
            self._passed = self._passed[:1]
            return
        yield line

    def end(self) -> Iterator[TraceLine | Repeated]:
        """What is left to be passed on when something else happens, or nothing any more."""
        yield from self._settle()
        self._passed = []

    def _expected(self) -> TraceLine | None:
        """The line that comes next if the turns go on as they did."""
        if self._times or len(self._passed) == 2:
            return self._passed[len(self._held)]
        return None

    def _settle(self) -> Iterator[TraceLine | Repeated]:
        if self._times and self._last is not None:
            yield Repeated(tuple(self._passed), self._last, self._times)
        held, self._held = self._held, []
        yield from held
        if held:
            self._passed = [*self._passed, *held][-2:]
        self._times, self._last = 0, None


def _same(one: TraceLine, two: TraceLine) -> bool:
    return one.text == two.text and one.thread_id == two.thread_id
