"""Walking a schema: structs, arrays, lists, trees and subsections (migration/vmstate.c, vmstate_load_state)."""

from collections.abc import Iterator

from .coder import Coder, FieldContext, Owner, StructColumn
from .fields import BYTES_BY_NATURE, element_name, layouts_of, meaning_of, number_kind
from .schema import FieldSchema, StateSchema

INLINE = ("struct", "tmp", "vstruct", "vdagent/cbinfos")
"""Types whose fields the description gives at the field itself."""

LISTS = ("qtailq", "qlist")
TREE = "gtree"


def walk(state: StateSchema, coder: Coder) -> Iterator[None]:
    """Describe a device to a coder by its schema.

    Args:
        state: the schema.
        coder: reads or writes it.

    Yields:
        After each field of the device itself, and after its subsections; the coder is there so far.

    Raises:
        Truncated: the bytes end early.
        BadPayload: a subsection is not the one that is described, or a field not as long.
        EncodeError: a value is missing, or is none of its field.
    """
    yield from _Walk(coder).state(state, ())


class _Walk:
    def __init__(self, coder: Coder) -> None:
        self._coder = coder

    def state(self, state: StateSchema, owners: tuple[Owner, ...]) -> Iterator[None]:
        owners = (*owners, Owner(state.name, state.version))
        for field in state.fields:
            self._field(field, owners)
            yield
        for subsection in state.subsections:
            self._coder.described_subsection(subsection.name, subsection.version)
            with self._coder.inside(subsection.name):
                self._all_of(subsection, owners)
            yield

    def _all_of(self, state: StateSchema, owners: tuple[Owner, ...]) -> None:
        for _ in self.state(state, owners):
            pass

    def _field(self, field: FieldSchema, owners: tuple[Owner, ...]) -> None:
        if not field.size or not field.count:
            # However many elements there are, they have no bytes and nothing to say.
            self._coder.buffer(field.name, 0, field.type)
            return
        kind = number_kind(field.type, field.size)
        if kind is not None:
            self._numbers(field, kind)
            return
        columns = _columns(field) if field.count > 1 else []
        names = (element_name(field, position) for position in range(field.count))
        if columns and self._coder.structs(field.count, names, columns, field.size):
            return
        for position in range(field.count):
            context = FieldContext(
                name=element_name(field, position),
                type=field.type,
                size=field.size,
                owners=owners,
            )
            start = self._coder.pos
            self._element(field, context)
            self._coder.check_size(start, context)

    def _numbers(self, field: FieldSchema, kind: str) -> None:
        if field.count == 1:
            name = element_name(field, 0)
            self._coder.number(name, kind, meaning=meaning_of(field.type), type_name=field.type)
            return
        name = f"{field.name}[{field.index}:{field.index + field.count}]" if field.index else field.name
        self._coder.numbers(name, kind, field.count, type_name=field.type)

    def _element(self, field: FieldSchema, context: FieldContext) -> None:
        if field.type in BYTES_BY_NATURE:
            self._coder.buffer(context.name, field.size, field.type)
        elif field.type in LISTS:
            self._list(field, context)
        elif field.type == TREE:
            self._coder.field(context, [lambda coder, inner: _Walk(coder)._tree(field, inner)])
        elif field.type in INLINE:
            with self._coder.inside(context.name):
                for state in field.states:
                    self._all_of(state, context.owners)
        else:
            self._coder.field(context, layouts_of(context))

    def _list(self, field: FieldSchema, context: FieldContext) -> None:
        """A linked list: a byte 1 before each element, a byte 0 at the end (put_qtailq, put_qlist)."""
        states = iter(field.states)
        for _ in self._coder.marked(context.name):
            state = next(states, None)
            if state is None:
                self._coder.refuse(f"mark 1 in list {context.name!r}, its schema says 0")
            self._all_of(state, context.owners)
        if next(states, None) is not None:
            self._coder.refuse(f"mark 0 in list {context.name!r}, its schema says 1")

    def _tree(self, field: FieldSchema, context: FieldContext) -> None:
        """A balanced tree: the number of nodes, then a list of keys and values (put_gtree).

        A key is a 64-bit number unless it is described, as each value is.
        """
        nodes = self._coder.count("nnodes")
        if len(field.states) not in (nodes, 2 * nodes):
            self._coder.refuse(f"{len(field.states)} states described for {nodes} nodes")
        states = iter(field.states)
        described_keys = nodes > 0 and len(field.states) == 2 * nodes
        for _ in self._coder.marked("node"):
            for part in ("key", "value") if described_keys else ("value",):
                if not described_keys:
                    self._coder.number("key", "uint64")
                state = next(states, None)
                if state is None:
                    self._coder.refuse(f"a node more than the {nodes} that are counted")
                with self._coder.inside(part):
                    self._all_of(state, context.owners)


def _columns(field: FieldSchema) -> list[StructColumn]:
    """The numbers that each element of a field consists of; none if it has anything else, or nothing."""
    found: list[StructColumn] = []
    complete = field.type in INLINE and all(_add_columns(state, (), found) for state in field.states)
    return found if complete else []


def _add_columns(state: StateSchema, above: tuple[str, ...], found: list[StructColumn]) -> bool:
    """Add the numbers of a struct; returns whether it has nothing else."""
    for field in state.fields:
        if field.count != 1 or not field.size:
            return False
        parts = (*above, element_name(field, 0))
        kind = number_kind(field.type, field.size)
        if kind is not None:
            found.append(StructColumn(parts=parts, kind=kind, type=field.type, meaning=meaning_of(field.type)))
        elif field.type not in INLINE or not all(_add_columns(each, parts, found) for each in field.states):
            return False
    return not state.subsections
