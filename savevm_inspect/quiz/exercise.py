"""An exercise whose answer is tried: by the engine, by the decoder, or by whatever else its check runs."""

from collections.abc import Callable
from typing import Any

from ..errors import SavevmError, printable
from .question import Verdict
from .shape import Shape


class Exercise:
    """An exercise; the notebook that has it does not have its answer.

    Args:
        text: what is to be found.
        takes: what an answer looks like; one of another shape is not tried.
        check: tries an answer; returns whether it is right, and a sentence that says what came of it.

    Attributes:
        text: what is to be found.
        takes: what an answer looks like.
    """

    def __init__(self, text: str, takes: Shape, check: Callable[[Any], tuple[bool, str]]) -> None:
        self.text = text
        self.takes = takes
        self._check = check

    def answer(self, given: object) -> Verdict:
        """Try an answer.

        Args:
            given: the answer, of whatever shape; ``None`` is none yet.

        Returns:
            What it is worth, with a sentence that says what came of it. Nothing is raised, whatever the answer does.
        """
        objection = self.takes.objection(given)
        if objection:
            return Verdict(right=False, reason=objection)
        try:
            right, reason = self._check(self.takes.taken(given))
        except SavevmError as error:
            return Verdict(right=False, reason=f"That ends in an error: {error}")
        except Exception as error:  # noqa: BLE001 - what an answer's own code raises, it says to its author
            return Verdict(right=False, reason=printable(f"Your code raised {type(error).__name__}: {error}"))
        return Verdict(right=bool(right), reason=reason)

    def __repr__(self) -> str:
        return printable(f"<Exercise: {self.text} Asked for is {self.takes.asked}.>")


def exercise(text: str, takes: Shape, check: Callable[[Any], tuple[bool, str]]) -> Exercise:
    """Set an exercise whose answer is tried.

    Args:
        text: what is to be found.
        takes: what an answer looks like: :func:`whole`, :func:`choice`, :func:`several` or :func:`function`.
        check: tries an answer of that shape; returns whether it is right, and a sentence that says what came of it.

    Returns:
        The exercise; ``.answer(...)`` tries an answer.
    """
    return Exercise(text, takes, check)
