"""``slirp``: user-mode networking, a device of the old kind that writes its bytes itself (net/slirp.c).

Its format is libslirp's (src/state.c, version 4): open guest forwards, the next IP identification, and the
addresses that its DHCP server gave out.
"""

from dataclasses import dataclass
from typing import Final

from ...errors import BadPayload
from ...wire import VMSTATE_INSTANCE_ID_ANY
from ..machine.handlers import DeviceError, SaveVMHandlers
from ..machine.machine import Machine
from ..machine.qemu_file import QEMUFile, QEMUFileInput
from ..sim.scheduler import Steps

IDSTR: Final = "slirp"
SLIRP_STATE_VERSION: Final = 4
_NB_BOOTP_CLIENTS: Final = 16
_MAC_BYTES: Final = 6
_NO_MORE_SOCKETS: Final = 0


@dataclass(slots=True, kw_only=True)
class BootpClient:
    """One address of the DHCP server: whether it is given out, and to which MAC address of 6 bytes."""

    allocated: bool = False
    macaddr: bytes = bytes(_MAC_BYTES)


class Slirp:
    """The state of a user-mode network without open guest forwards."""

    def __init__(self) -> None:
        self.ip_id = 0
        self.bootp_clients = [BootpClient() for _ in range(_NB_BOOTP_CLIENTS)]

    @classmethod
    def attach(cls, machine: Machine) -> "Slirp":
        """Build it into a machine and register it (net_slirp_init)."""
        device = cls()
        machine.registry.register_savevm_live(
            IDSTR, VMSTATE_INSTANCE_ID_ANY, SLIRP_STATE_VERSION, SaveVMHandlers.of(cls), device
        )
        return device

    def save_state(self, f: QEMUFile) -> None:
        """Write the whole state (slirp_state_save)."""
        f.put_byte(_NO_MORE_SOCKETS)
        f.put_be16(self.ip_id)
        for client in self.bootp_clients:
            f.put_be16(client.allocated)
            f.put_buffer(client.macaddr)

    def load_state(self, f: QEMUFileInput, version_id: int) -> Steps[int]:
        """Read the whole state (slirp_state_load)."""
        if version_id != SLIRP_STATE_VERSION:
            raise DeviceError(f"version {version_id}, expected {SLIRP_STATE_VERSION}")
        yield from f.fill(1)
        offset = f.offset
        if f.get_byte() != _NO_MORE_SOCKETS:
            raise BadPayload("an open guest forward, and this side has none", offset=offset, section=f.section)
        yield from f.fill(2 + len(self.bootp_clients) * (2 + _MAC_BYTES))
        self.ip_id = f.get_be16()
        for client in self.bootp_clients:
            client.allocated = bool(f.get_be16())
            client.macaddr = f.get_buffer(_MAC_BYTES)
        return 0
