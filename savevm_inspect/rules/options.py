"""What a user sets before a migration: capabilities, which are switches, and parameters (migration/options.c)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..errors import SavevmError


class Capability(StrEnum):
    """QEMU's switches that change which handlers are called, or what they write (qapi/migration.json)."""

    XBZRLE = "xbzrle"
    AUTO_CONVERGE = "auto-converge"
    POSTCOPY_RAM = "postcopy-ram"
    RETURN_PATH = "return-path"
    PAUSE_BEFORE_SWITCHOVER = "pause-before-switchover"
    MULTIFD = "multifd"
    DIRTY_BITMAPS = "dirty-bitmaps"
    X_IGNORE_SHARED = "x-ignore-shared"
    VALIDATE_UUID = "validate-uuid"
    BACKGROUND_SNAPSHOT = "background-snapshot"
    POSTCOPY_PREEMPT = "postcopy-preempt"
    SWITCHOVER_ACK = "switchover-ack"
    MAPPED_RAM = "mapped-ram"


_C = Capability

REQUIRES: Final[Mapping[Capability, Capability]] = {
    _C.POSTCOPY_PREEMPT: _C.POSTCOPY_RAM,
    _C.SWITCHOVER_ACK: _C.RETURN_PATH,
}
"""A capability and the one without which it is refused (migrate_caps_check)."""

EXCLUDES: Final[Mapping[Capability, tuple[Capability, ...]]] = {
    _C.POSTCOPY_RAM: (_C.X_IGNORE_SHARED,),
    _C.MULTIFD: (_C.XBZRLE,),
    _C.MAPPED_RAM: (_C.XBZRLE, _C.POSTCOPY_RAM),
    _C.BACKGROUND_SNAPSHOT: (
        _C.POSTCOPY_RAM,
        _C.DIRTY_BITMAPS,
        _C.RETURN_PATH,
        _C.MULTIFD,
        _C.PAUSE_BEFORE_SWITCHOVER,
        _C.AUTO_CONVERGE,
        _C.XBZRLE,
        _C.VALIDATE_UUID,
    ),
}
"""A capability and those that it is refused with (migrate_caps_check, check_caps_background_snapshot)."""

IN_CONFIGURATION: Final = (_C.X_IGNORE_SHARED, _C.MAPPED_RAM)
"""Those that the configuration record states, in its order, so that both sides agree (should_validate_capability)."""


class MultifdCompression(StrEnum):
    """How pages on multifd channels are packed."""

    NONE = "none"
    ZLIB = "zlib"
    ZSTD = "zstd"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationParameters:
    """What a user sets, with QEMU's names and defaults.

    Attributes:
        max_bandwidth_bytes_per_s: rate limit while the VM runs; 0 is no limit.
        downtime_limit_ms: how long the VM may stand still at the switchover.
        avail_switchover_bandwidth_bytes_per_s: what to compute with at the switchover; 0 is what was measured.
        max_postcopy_bandwidth_bytes_per_s: rate limit once the destination runs; 0 is no limit.
        multifd_channels: how many channels carry pages besides the main one.
        multifd_compression: how they are packed.
        xbzrle_cache_bytes: how much of what was sent is kept to send differences to it.
        throttle_trigger_threshold: share of what was sent that the guest may dirty before it counts as too fast,
            in percent.
        cpu_throttle_initial: share of its time that is taken from a guest that dirties too fast, in percent.
        cpu_throttle_increment: how much more each further time.
        max_cpu_throttle: how much at most.
    """

    max_bandwidth_bytes_per_s: int = 128 << 20
    downtime_limit_ms: int = 300
    avail_switchover_bandwidth_bytes_per_s: int = 0
    max_postcopy_bandwidth_bytes_per_s: int = 0
    multifd_channels: int = 2
    multifd_compression: MultifdCompression = MultifdCompression.NONE
    xbzrle_cache_bytes: int = 64 << 20
    throttle_trigger_threshold: int = 50
    cpu_throttle_initial: int = 20
    cpu_throttle_increment: int = 10
    max_cpu_throttle: int = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Capabilities and parameters of one side.

    Attributes:
        capabilities: those that are on.
        parameters: the numbers.
    """

    capabilities: frozenset[Capability] = frozenset()
    parameters: MigrationParameters = field(default_factory=MigrationParameters)

    def __post_init__(self) -> None:
        for one, needed in REQUIRES.items():
            if one in self.capabilities and needed not in self.capabilities:
                raise SavevmError(f"capability {one} requires {needed}")
        for one, others in EXCLUDES.items():
            clash = [other for other in others if other in self.capabilities]
            if one in self.capabilities and clash:
                raise SavevmError(f"capability {one} is not compatible with {', '.join(clash)}")

    def has(self, capability: Capability) -> bool:
        """Whether a capability is on."""
        return capability in self.capabilities

    @property
    def postcopy(self) -> bool:
        """Whether some data may follow after the destination has started (migrate_postcopy)."""
        return bool(self.capabilities & {_C.POSTCOPY_RAM, _C.DIRTY_BITMAPS})

    @property
    def multifd_device_state(self) -> bool:
        """Whether device state may go over multifd channels (multifd_device_state_supported)."""
        return (
            self.has(_C.MULTIFD)
            and not self.has(_C.MAPPED_RAM)
            and self.parameters.multifd_compression is MultifdCompression.NONE
        )

    @property
    def return_path(self) -> bool:
        """Whether the source opens a way back (migration_start_outgoing)."""
        return bool(self.capabilities & {_C.POSTCOPY_RAM, _C.RETURN_PATH})

    @property
    def in_configuration(self) -> tuple[str, ...]:
        """Names of the capabilities that the configuration record states."""
        return tuple(one.value for one in IN_CONFIGURATION if one in self.capabilities)
