"""Running a scenario and keeping all of it: bytes by channel, events, and both machines at the switchover."""

import copy
from dataclasses import dataclass, field
from typing import Any

from savevm_inspect.engine.devices.dirty_bitmap import DirtyBitmaps
from savevm_inspect.engine.devices.htab import HashPageTable
from savevm_inspect.engine.devices.vfio import Vfio
from savevm_inspect.engine.machine.guest import Guest, GuestBlock
from savevm_inspect.engine.machine.machine import Machine
from savevm_inspect.engine.machine.vmstate import vmstate_save_state
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.sim.network import MakeNetwork, VirtualNetwork
from savevm_inspect.engine.sim.pipe import Sink
from savevm_inspect.engine.sim.scheduler import Choose, fair
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.stream.writer import Writer


@dataclass
class Run:
    """A run from its beginning to its end.

    Attributes:
        migration: with both machines as they are at the end.
        events: all of them.
        forward: the bytes of each forward channel by its number.
        back: those of the return paths.
        stopped: the source's state when its guest stopped last; empty if it never did.
        resumed: the destination's state when its guest began to run.
    """

    migration: Migration
    events: list[Event] = field(default_factory=list)
    forward: dict[int, bytearray] = field(default_factory=dict)
    back: dict[int, bytearray] = field(default_factory=dict)
    stopped: dict[str, Any] = field(default_factory=dict)
    resumed: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        """The main channel."""
        return bytes(self.forward[0])

    def of(self, side: Side, *kinds: EventKind) -> list[Event]:
        """One side's events of some kinds, of all without any."""
        return [each for each in self.events if each.side is side and (not kinds or each.event in kinds)]


def run(scenario: Scenario, *, choose: Choose = fair, network: MakeNetwork = VirtualNetwork) -> Run:
    """Run a scenario to its end, whatever that is."""
    directions: dict[bool, dict[int, bytearray]] = {False: {}, True: {}}

    def watch(number: int, *, back: bool, resumed: bool) -> Sink:
        return directions[back].setdefault(number, bytearray()).extend

    migration = Migration(scenario, watch, choose=choose, make_network=network)
    ran = Run(migration, forward=directions[False], back=directions[True])
    for event in migration.steps():
        ran.events.append(event)
        if event.event is EventKind.QMP and event.name == "STOP" and event.side is Side.SOURCE:
            ran.stopped = state_of(migration.source.machine)
        if event.event is EventKind.QMP and event.name in ("RESUME", "STOP") and event.side is Side.DESTINATION:
            ran.resumed = state_of(migration.destination.machine)
    return ran


def state_of(machine: Machine) -> dict[str, Any]:
    """All state of a machine, separate from what is only bookkeeping of a migration."""
    state: dict[str, Any] = {block.name: bytes(block.memory) for block in machine.guest.blocks if not block.shared}
    state["writes"] = machine.guest.writes
    for entry in machine.registry:
        if entry.vmsd is not None:
            out = bytearray()
            vmstate_save_state(Writer(out.extend), entry.vmsd, copy.copy(entry.opaque))
            state[entry.idstr] = bytes(out)
    for device in machine.devices:
        if isinstance(device, HashPageTable):
            # An entry's dirty bit says whether it was sent since, and is no state of the guest's.
            state["htab"] = bytes(
                byte & ~0x40 if index % 16 == 7 else byte for index, byte in enumerate(device.table)
            )
        if isinstance(device, Vfio):
            pci = device.pci.parent_obj
            state[device.name] = (bytes(device.card.memory), device.card.register, pci.config, list(pci.irq_state))
        if isinstance(device, DirtyBitmaps):
            state["bitmaps"] = copy.deepcopy(device.bitmaps)
    return state


def memory_after(ran: Run) -> bytes:
    """What the destination's memory must be: the source's, and what the guest has written since it went on there."""
    source, destination = ran.migration.source.machine, ran.migration.destination.machine
    scenario, block = ran.migration.scenario, source.guest.blocks[0]
    copied = GuestBlock(block.name, block.size_bytes, block.page_size)
    copied.page_contents[:] = block.page_contents
    guest = Guest([copied], page_size=block.page_size, workload=scenario.workload, seed=scenario.seed)
    guest.writes = source.guest.writes
    if destination.guest.writes > guest.writes:
        guest.write_next(destination.guest.writes - guest.writes)
    return bytes(copied.memory)
