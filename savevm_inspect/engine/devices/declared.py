"""Devices that users write: a class and its name are enough."""

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from types import MappingProxyType
from typing import Any, Final, TypeVar

from ...errors import SavevmError, did_you_mean
from ..machine.handlers import SaveVMHandlers
from ..machine.machine import Machine
from ..machine.step_limit import limited
from ..machine.vmsd import VMStateDescription, VMStateField

Kind = TypeVar("Kind", bound=type)

Fields = Mapping[str, str | tuple[str, int]]
"""Attributes in the order of the stream, each with its type, or with that and the version that it came with."""

_HOOKS: Final = ("needed", "pre_save", "post_save", "pre_load", "post_load")


def device(
    idstr: str,
    *,
    version_id: int = 1,
    minimum_version_id: int | None = None,
    instance_id: int = 0,
    fields: Fields | None = None,
    subsections: Mapping[str, Fields] = MappingProxyType({}),
) -> Callable[[Kind], Kind]:
    """Make a class a device of the engine, which a scenario takes among its ``devices=``.

    Its methods are its callbacks, by the names of register.h (``save_state(self, f)``, ``load_state(self, f,
    version_id)``); with ``fields`` it is described instead, and its methods may be hooks (``pre_save(self)``,
    ``post_load(self, version_id)``). A method ``on_write(self, page)`` is called at each write of the guest's, and
    ``self.machine`` is the machine that it is built into. What it keeps in attributes without an underscore is its
    state, which :func:`check_device` compares.

    Args:
        idstr: its name in the stream.
        version_id: of the format that it writes.
        minimum_version_id: the oldest that it reads, with ``fields``; ``version_id`` unless said otherwise.
        instance_id: distinguishes devices of one idstr.
        fields: the attributes that are saved, in the order of the stream, each with QEMU's name of its type
            (``uint32``), or with that and the version that the field came with.
        subsections: the fields of each, by its name without the device's; ``warmth`` is ``lamp/warmth`` in the
            stream. A method ``warmth_needed(self)`` says whether it is sent.

    Returns:
        What makes a class such a device: it has an ``attach`` then.

    Raises:
        SavevmError: the class has no callback, or a method that is nearly called as one; a type is unknown; a
            subsection has no method that says whether it is needed, or the device has no fields.
    """

    def make(kind: Kind) -> Kind:
        if fields is None and subsections:
            raise SavevmError(f"{kind.__name__}: only a device with fields has subsections")
        attach = _described(kind, fields) if fields is not None else _with_callbacks(kind)

        def build(cls: type, machine: Machine) -> object:
            made = cls(machine) if _wants_machine(cls) else cls()
            if not hasattr(made, "machine") and hasattr(made, "__dict__"):
                made.machine = machine
            if callable(getattr(made, "on_write", None)):
                machine.guest.on_write.append(made.on_write)
            attach(machine, made)
            return made

        kind.attach = classmethod(build)  # type: ignore[attr-defined]
        kind.idstr = idstr  # type: ignore[attr-defined]
        return kind

    def _with_callbacks(kind: type) -> Callable[[Machine, object], object]:
        try:
            handlers = SaveVMHandlers.of(kind)
        except TypeError as error:
            raise SavevmError(str(error)) from None
        return lambda machine, made: machine.registry.register_savevm_live(
            idstr, instance_id, version_id, handlers, made
        )

    def _described(kind: type, given: Fields) -> Callable[[Machine, object], object]:
        _refuse_callbacks(kind)
        hooks: dict[str, Any] = {
            name: limited(getattr(kind, name)) for name in _HOOKS if callable(getattr(kind, name, None))
        }
        description = VMStateDescription(
            name=idstr,
            version_id=version_id,
            minimum_version_id=version_id if minimum_version_id is None else minimum_version_id,
            fields=tuple(_field(name, of) for name, of in given.items()),
            subsections=tuple(_subsection(kind, idstr, name, of) for name, of in subsections.items()),
            **hooks,
        )
        return lambda machine, made: machine.registry.register_vmstate(description, made, instance_id=instance_id)

    return make


def _subsection(kind: type, idstr: str, name: str, fields: Fields) -> VMStateDescription:
    needed = getattr(kind, f"{name}_needed", None)
    if not callable(needed):
        raise SavevmError(f"{kind.__name__}: the subsection {name!r} needs a method {name}_needed(self)")
    return VMStateDescription(
        name=f"{idstr}/{name}",
        version_id=1,
        minimum_version_id=1,
        needed=limited(needed),
        fields=tuple(_field(each, of) for each, of in fields.items()),
    )


def _field(name: str, of: str | tuple[str, int]) -> VMStateField:
    kind, version = of if isinstance(of, tuple) else (of, 0)
    return VMStateField(name=name, type=kind, version_id=version)


def _refuse_callbacks(kind: type) -> None:
    """A device is described or has callbacks, not both."""
    for name in dir(kind):
        if name.startswith(("save_", "load_")):
            raise SavevmError(
                f"{kind.__name__}.{name}: a device with fields has hooks only; {did_you_mean(name, _HOOKS)}"
            )


def _wants_machine(kind: type) -> bool:
    """Whether its constructor must get something."""
    parameters = signature(kind).parameters.values()
    return any(
        each.default is Parameter.empty and each.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
        for each in parameters
    )
