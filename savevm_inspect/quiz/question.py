"""A question that knows its answer and keeps it to itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an answer is worth; true if it is right.

    Attributes:
        right: whether it is.
        reason: what is right, and why.
    """

    right: bool
    reason: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return printable(f"{'Right' if self.right else 'Not yet'}: {self.reason}")


def _is_plain(given: object) -> bool:
    """Whether an answer can be compared with another; lists and arrays answer nothing."""
    try:
        hash(given)
    except TypeError:
        return False
    return True


class Question:
    """A question.

    Args:
        text: what is asked.
        judge: whether an answer is right.
        reason: makes the reason.
        choices: what to choose from; none for a free answer.
        data: the bytes that it is about; none for most.

    Attributes:
        text: what is asked.
        choices: what to choose from; none for a free answer.
        data: the bytes that it is about; none for most.
    """

    def __init__(
        self,
        text: str,
        *,
        judge: Callable[[object], bool],
        reason: Callable[[], str],
        choices: Sequence[str] = (),
        data: bytes = b"",
    ) -> None:
        self.text = text
        self.choices = tuple(choices)
        self.data = data

        def verdict(given: object) -> Verdict:
            return Verdict(right=_is_plain(given) and judge(given), reason=reason())

        self._verdict = verdict

    def answer(self, given: object) -> Verdict:
        """Judge an answer.

        Args:
            given: one of :attr:`choices`, or what the question asks for.
        """
        return self._verdict(given)

    def __repr__(self) -> str:
        choices = f" Choose: {'; '.join(self.choices)}" if self.choices else ""
        data = f" ({len(self.data)} bytes)" if self.data else ""
        return printable(f"<Question: {self.text}{choices}{data}>")
