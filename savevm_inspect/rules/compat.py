"""What differs between machine types and between versions of QEMU, as one table.

A machine type fixes what streams look like, whichever QEMU runs it: upstream's ``hw_compat_*`` lists set the old
values of properties of ``migration`` (hw/core/machine.c). Other changes come with the program, whichever machine type
it runs. Each row says which of the two it is, and everybody who has to know asks :meth:`Compat.has`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple


class Version(NamedTuple):
    """A version of QEMU, or the one that a machine type is named after."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read ``10.2``; a third number is ignored.

        Raises:
            ValueError: it is no version.
        """
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no version of QEMU, such as 10.2")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of_machine(cls, name: str) -> "Version | None":
        """The version in a machine type's name, as in ``pc-i440fx-8.0``; ``None`` if it has none."""
        match = _AT_THE_END.search(name)
        return cls(int(match[1]), int(match[2])) if match is not None else None


_VERSION: Final = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?")
_AT_THE_END: Final = re.compile(r"-(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?\Z")

REFERENCE: Final = Version(10, 2)
"""The version whose source the engine follows."""


class KeyedBy(StrEnum):
    """What decides which side of a change a migration is on."""

    MACHINE_TYPE = "machine type"
    QEMU = "QEMU"


class Behaviour(StrEnum):
    """What a machine type or a QEMU does, or does not do yet; named after upstream's property where there is one."""

    SEND_CONFIGURATION = "send-configuration"
    SEND_SECTION_FOOTER = "send-section-footer"
    PREEMPT_AT_SWITCHOVER = "preempt-at-switchover"
    MULTIFD_FLUSH = "multifd-flush"
    MULTIFD_ZERO_PAGES = "multifd-zero-pages"
    SEND_SWITCHOVER_START = "send-switchover-start"
    ACK_ONLY_WHEN_NEEDED = "ack-only-when-needed"
    DESCRIBE_CONFIGURATION = "describe-configuration"
    INCOMING_SETUP = "incoming-setup"
    STATE_DEVICE = "state-device"
    POSTCOPY_PREPARE = "postcopy-prepare"
    POSTCOPY_DEVICE = "postcopy-device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row.

    Attributes:
        keyed_by: whether the machine type decides, or the program.
        since: the first version that has it.
        then: what happens from that version on.
        before: what happened before.
        upstream: the property with its list, or the commit.
    """

    keyed_by: KeyedBy
    since: Version
    then: str
    before: str
    upstream: str


_MACHINE: Final = KeyedBy.MACHINE_TYPE
_QEMU: Final = KeyedBy.QEMU
_B = Behaviour

CHANGES: Final[Mapping[Behaviour, Change]] = {
    _B.SEND_CONFIGURATION: Change(
        keyed_by=_MACHINE,
        since=Version(2, 4),
        then="the header is followed by a configuration record",
        before="there is none",
        upstream="send-configuration, hw_compat_2_3",
    ),
    _B.SEND_SECTION_FOOTER: Change(
        keyed_by=_MACHINE,
        since=Version(2, 4),
        then="each section ends in a footer",
        before="sections have no footers",
        upstream="send-section-footer, hw_compat_2_3",
    ),
    _B.PREEMPT_AT_SWITCHOVER: Change(
        keyed_by=_MACHINE,
        since=Version(8, 0),
        then="the preempt channel is connected when postcopy starts, and simply closed",
        before="it is connected at the setup, and ends in an EOS, without which the destination waits",
        upstream="x-preempt-pre-7-2, hw_compat_7_2",
    ),
    _B.MULTIFD_FLUSH: Change(
        keyed_by=_MACHINE,
        since=Version(8, 1),
        then="a multifd epoch ends once a pass over RAM, with MULTIFD_FLUSH on the main channel",
        before="it ends with each RAM section, at its EOS",
        upstream="multifd-flush-after-each-section, hw_compat_8_0",
    ),
    _B.MULTIFD_ZERO_PAGES: Change(
        keyed_by=_MACHINE,
        since=Version(9, 0),
        then="zero pages of multifd are listed in its packets",
        before="they go on the main channel",
        upstream="zero-page-detection, hw_compat_8_2",
    ),
    _B.SEND_SWITCHOVER_START: Change(
        keyed_by=_MACHINE,
        since=Version(10, 0),
        then="the command SWITCHOVER_START is sent when the VM has stopped",
        before="it is not sent",
        upstream="send-switchover-start, hw_compat_9_2",
    ),
    _B.ACK_ONLY_WHEN_NEEDED: Change(
        keyed_by=_MACHINE,
        since=Version(11, 1),
        then="with switchover-ack the destination answers only if a device asked it to",
        before="it answers at once if no device did",
        upstream="seen in 11.1's streams and traces; its source could not be had",
    ),
    _B.DESCRIBE_CONFIGURATION: Change(
        keyed_by=_QEMU,
        since=Version(8, 2),
        then="the description has an entry for the configuration",
        before="it has none",
        upstream="2aae1eb8da",
    ),
    _B.INCOMING_SETUP: Change(
        keyed_by=_QEMU,
        since=Version(8, 2),
        then="a destination that listens is in state setup, then active",
        before="it is active at once",
        upstream="4111a732e8, migration_incoming_state_setup",
    ),
    _B.STATE_DEVICE: Change(
        keyed_by=_QEMU,
        since=Version(10, 0),
        then="the source is in state device from the stop of the VM on",
        before="only with pause-before-switchover; postcopy is active before the VM stops",
        upstream="4881411136, migration_switchover_start",
    ),
    _B.POSTCOPY_PREPARE: Change(
        keyed_by=_QEMU,
        since=Version(10, 1),
        then="save_postcopy_prepare writes a PART section before the VM stops for postcopy",
        before="there is no such callback",
        upstream="1d48111601",
    ),
    _B.POSTCOPY_DEVICE: Change(
        keyed_by=_QEMU,
        since=Version(10, 2),
        then="state postcopy-device until the destination has answered PING 0x42, the last one in the package",
        before="postcopy-active at once, without that PING",
        upstream="7b842fe354",
    ),
}
"""Every difference that this project plays or reads by; drawn into docs/compat.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compat:
    """Where one side of a migration stands.

    Attributes:
        machine: the version that its machine type is named after.
        qemu: the version of the program.
        properties: what its user set otherwise, as ``-global migration.PROPERTY=...`` does.
    """

    machine: Version = REFERENCE
    qemu: Version = REFERENCE
    properties: Mapping[Behaviour, bool] = field(default_factory=dict)

    def has(self, behaviour: Behaviour) -> bool:
        """Whether this side does what the row says of its version and later ones."""
        if behaviour in self.properties:
            return self.properties[behaviour]
        change = CHANGES[behaviour]
        return (self.machine if change.keyed_by is KeyedBy.MACHINE_TYPE else self.qemu) >= change.since
