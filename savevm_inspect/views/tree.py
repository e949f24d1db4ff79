"""The fields of a device as a tree, written as rows from the root down."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..stream.values import FieldValue


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRow:
    """One row: a branch, or a leaf with its field.

    Attributes:
        depth: how far below the device it stands, from 0.
        name: its own name.
        path: all names down to it, joined with ``/``.
        field: the field of a leaf; ``None`` for a branch.
    """

    depth: int
    name: str
    path: str
    field: FieldValue | None


def field_tree(fields: Iterable[FieldValue]) -> list[TreeRow]:
    """Put a branch's name before the fields that stand below it.

    Args:
        fields: in stream order, as :attr:`Device.fields` has them.

    Returns:
        The rows in stream order; a branch to which the stream returns is named again.
    """
    rows: list[TreeRow] = []
    above: tuple[str, ...] = ()
    for field in fields:
        branches = field.parts[:-1]
        shared = 0
        while shared < min(len(above), len(branches)) and above[shared] == branches[shared]:
            shared += 1
        rows += [
            TreeRow(depth=depth, name=branches[depth], path="/".join(branches[: depth + 1]), field=None)
            for depth in range(shared, len(branches))
        ]
        rows.append(TreeRow(depth=len(branches), name=field.name, path=field.path, field=field))
        above = branches
    return rows


def matching(fields: Iterable[FieldValue], words: str) -> list[FieldValue]:
    """The fields that hold every word in their path.

    Args:
        fields: any.
        words: separated by blanks, in any case; none of them leaves everything.
    """
    wanted = words.casefold().split()
    return [field for field in fields if all(word in field.path.casefold() for word in wanted)]
