"""What a callback is given and what it gives back, as C declares it: the vocabulary of every version's structure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a callback.

    Attributes:
        name: as the header spells it.
        ctype: its C type, a blank before the first asterisk.
        meaning: what it is for, in words of our own.
    """

    name: str
    ctype: str
    meaning: str = ""

    def __str__(self) -> str:
        return f"{self.ctype}{'' if self.ctype.endswith('*') else ' '}{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The C type of a callback.

    Attributes:
        returns: type of its value.
        parameters: in their order.
        typedef: the name that the header declares it by; empty if it spells the type out.
    """

    returns: str
    parameters: tuple[Parameter, ...]
    typedef: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """Type of the value, then of each parameter: what two signatures are compared by."""
        return (self.returns, *(parameter.ctype for parameter in self.parameters))

    def __str__(self) -> str:
        return f"{self.returns} ({', '.join(map(str, self.parameters))})"


F_OUT: Final = Parameter(
    name="f",
    ctype="QEMUFile *",
    meaning="the stream, to be written to; what is written lies between the header and the footer of a section",
)
F_IN: Final = Parameter(
    name="f",
    ctype="QEMUFile *",
    meaning="the stream, to be read from; it stands at the first byte of the section's payload, in `load_setup` "
    "before the first section",
)
OPAQUE: Final = Parameter(
    name="opaque",
    ctype="void *",
    meaning="the device, as it was given to `register_savevm_live`; the engine's `self`",
)
ERRP: Final = Parameter(
    name="errp",
    ctype="Error **",
    meaning="where the reason of a failure goes; whoever fails sets it. In the engine: raise `DeviceError`",
)
THREAD_DATA: Final = Parameter(
    name="d",
    ctype="SaveCompletePrecopyThreadData *",
    meaning="what the thread needs, since it has no stream of its own: idstr and instance_id of its section, and "
    "`handler_opaque`, the device. In the engine also `multifd`, which takes the state, and `should_exit`",
)
LIVE_THREAD_DATA: Final = Parameter(
    name="d", ctype="SaveLiveCompletePrecopyThreadData *", meaning=THREAD_DATA.meaning
)
MUST_PRECOPY: Final = Parameter(
    name="must_precopy",
    ctype="uint64_t *",
    meaning="a sum to add to: bytes that must arrive before the destination starts, while the source runs or stands "
    "still",
)
CAN_POSTCOPY: Final = Parameter(
    name="can_postcopy",
    ctype="uint64_t *",
    meaning="a sum to add to: bytes that may arrive after the destination has started. RAM's can go in precopy, too; "
    "those of the dirty bitmaps only once the source has stopped. Both sums together are all that is pending",
)
PENDING_DATA: Final = Parameter(
    name="pending",
    ctype="MigPendingData *",
    meaning="sums to add to: bytes for precopy, bytes that can go only while the source stands still (stopcopy), "
    "bytes for postcopy; no byte is in two of them",
)
EXACT: Final = Parameter(
    name="exact", ctype="bool", meaning="whether to synchronise first, at its price, instead of guessing"
)
FINAL: Final = Parameter(
    name="final",
    ctype="bool",
    meaning="whether it is the last query, with the source stopped and the big QEMU lock held",
)
THRESHOLD: Final = Parameter(
    name="threshold_size",
    ctype="uint64_t",
    meaning="bytes that fit into the downtime limit; a device with less than that synchronises before it answers",
)
PRECOPY_ONLY: Final = Parameter(
    name="res_precopy_only",
    ctype="uint64_t *",
    meaning="a sum to add to: bytes that must arrive before the destination starts",
)
COMPATIBLE: Final = Parameter(
    name="res_compatible", ctype="uint64_t *", meaning="a sum to add to: bytes that may arrive at any time"
)
POSTCOPY_ONLY: Final = Parameter(
    name="res_postcopy_only",
    ctype="uint64_t *",
    meaning="a sum to add to: bytes that can be sent only after the source has stopped",
)
VERSION_ID: Final = Parameter(
    name="version_id",
    ctype="int",
    meaning="version of the section's format: the one that the stream states, found not to be above the device's own",
)
BUF: Final = Parameter(
    name="buf",
    ctype="char *",
    meaning="the piece of device state that a multifd packet carried; it lives no longer than the call",
)
LEN: Final = Parameter(
    name="len", ctype="size_t", meaning="its length in bytes. The engine passes one `bytes`, which knows its length"
)
MIGRATION_STATE: Final = Parameter(
    name="s",
    ctype="MigrationState *",
    meaning="the migration that goes on: its new channel, its status. In the engine: the outgoing migration",
)

TYPEDEFS: Final = {
    "SaveStateHandler": Signature(returns="void", parameters=(F_OUT, OPAQUE), typedef="SaveStateHandler"),
    "LoadStateHandler": Signature(returns="int", parameters=(F_IN, OPAQUE, VERSION_ID), typedef="LoadStateHandler"),
    "SaveCompletePrecopyThreadHandler": Signature(
        returns="bool", parameters=(THREAD_DATA, ERRP), typedef="SaveCompletePrecopyThreadHandler"
    ),
    "SaveLiveCompletePrecopyThreadHandler": Signature(
        returns="bool", parameters=(LIVE_THREAD_DATA, ERRP), typedef="SaveLiveCompletePrecopyThreadHandler"
    ),
}
"""Types that headers declare callbacks by, defined elsewhere (include/qemu/typedefs.h)."""
