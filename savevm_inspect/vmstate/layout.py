"""Writing a schema down in Python, for state whose layout is fixed but which no stream describes."""

from .scalars import SCALARS
from .schema import FieldSchema, StateSchema


def number(name: str, kind: str, count: int | None = None) -> FieldSchema:
    """A number of a type of :data:`~savevm_inspect.vmstate.scalars.SCALARS`, or an array of ``count``."""
    return FieldSchema(
        name=name,
        type=kind,
        size=SCALARS[kind].size_bytes,
        count=1 if count is None else count,
        index=None if count is None else 0,
        states=(),
    )


def buffer(name: str, size: int) -> FieldSchema:
    """A run of ``size`` bytes."""
    return FieldSchema(name=name, type="buffer", size=size, count=1, index=None, states=())


def struct(name: str, *fields: FieldSchema, count: int) -> FieldSchema:
    """An array of ``count`` equal structs."""
    inner = state("", *fields)
    return FieldSchema(name=name, type="struct", size=inner.length, count=count, index=0, states=(inner,))


def state(name: str, *fields: FieldSchema, version: int = 1) -> StateSchema:
    """State of a name and version, without subsections."""
    return StateSchema(
        name=name,
        version=version,
        fields=fields,
        subsections=(),
        length=sum(field.length for field in fields),
    )
