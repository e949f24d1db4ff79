"""What pages send is checked before it is used: a page is somebody else's."""

from collections.abc import Mapping
from typing import Any

Question = Mapping[str, Any]
"""A message of a page; every value in it may be anything."""


class BadQuestion(Exception):
    """A question that gets no answer."""


def number(question: Question, name: str, most: int) -> int:
    """A number of a question.

    Args:
        question: the message.
        name: of the number.
        most: more than this is cut to it.

    Raises:
        BadQuestion: it is none, or negative.
    """
    value = question.get(name)
    if type(value) is not int or value < 0:
        raise BadQuestion(f"{name} is no number")
    return min(value, most)


def text(question: Question, name: str, most: int) -> str:
    """A text of a question.

    Args:
        question: the message.
        name: of the text.
        most: more characters than this are cut off.

    Raises:
        BadQuestion: it is none.
    """
    value = question.get(name)
    if type(value) is not str:
        raise BadQuestion(f"{name} is no text")
    return value[:most]
