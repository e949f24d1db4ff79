"""The order in which threads had their turns, kept so that a run can be run again."""

from collections.abc import Sequence

from ...errors import EngineError, SavevmError
from ..sim.scheduler import Choose, Task, fair


class Order:
    """Asks somebody which thread is next, and keeps the answers.

    Args:
        choose: who is asked.

    Attributes:
        choices: for each turn the index of the thread that had it among those that could go on.
    """

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self.choices: list[int] = []

    def __call__(self, ready: Sequence[Task]) -> Task:
        """Which thread is next.

        Raises:
            EngineError: the answer is none of those that can go on, or whoever was asked raised.
        """
        try:
            chosen = self._choose(ready)
        except SavevmError:
            raise
        except Exception as error:
            raise EngineError(f"choose: {type(error).__name__}: {error}", phase="") from error
        position = next((index for index, task in enumerate(ready) if task is chosen), None)
        if position is None:
            raise EngineError(f"choose: {chosen!r} is none of the {len(ready)} threads that can go on", phase="")
        self.choices.append(position)
        return chosen


def recorded(choices: Sequence[int], then: Choose = fair) -> Choose:
    """The same order again.

    Args:
        choices: of :class:`Order`.
        then: who is asked when all of them were used.
    """
    left = iter(tuple(choices))

    def choose(ready: Sequence[Task]) -> Task:
        position = next(left, None)
        return then(ready) if position is None else ready[position]

    return choose
