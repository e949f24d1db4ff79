"""Names of a description as identifiers that Kaitai Struct and the languages it compiles to take."""

import keyword
import re
from collections.abc import Iterable

_LIMIT = 80
"""Characters of an identifier; a description may hold a name of any length."""

_RESERVED = {
    *(word.lower() for word in keyword.kwlist),
    *(
        "constructor",
        "close",
        "from_bytes",
        "from_file",
        "from_io",
        "self",
        "this",
        "super",
        "new",
        "function",
        "var",
    ),
    *("delete", "switch", "case", "default", "do", "void", "null", "parent", "root", "io"),
}
"""What some target language, or the runtime in it, has a use of its own for."""


def identifier(name: str, otherwise: str) -> str:
    """A name as an identifier: lower case letters, digits, and one underscore for each run of anything else.

    Args:
        name: any text.
        otherwise: what to call it if it has neither letters nor digits.
    """
    made = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_LIMIT].rstrip("_") or otherwise
    if made[0].isdigit():
        made = f"n{made}"
    return f"{made}_field" if made in _RESERVED else made


class UniqueNames:
    """Gives each name out once.

    JavaScript and Java write ``a_1`` as ``a1``, so identifiers that differ in underscores alone are the same.

    Args:
        taken: what is given out already.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {_folded(each) for each in taken}
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """The wanted identifier, or if it is given out, with a number after it."""
        name, number = wanted, self._next.get(wanted, 2)
        while _folded(name) in self._taken:
            name = f"{wanted}_no_{number}"
            number += 1
        self._next[wanted] = number
        self._taken.add(_folded(name))
        return name


def _folded(name: str) -> str:
    return name.replace("_", "")
