"""What devices can do in a migration besides RAM: pass through, wait, be of another version."""

from dataclasses import replace
from functools import partial
from typing import Final

from ...rules.options import Capability
from ...rules.status import MigrationStatus
from ..devices.failover_nic import FailoverNic
from ..devices.plugged_memory import PluggedMemory
from ..devices.uart import Uart
from ..devices.unmigratable import Unmigratable
from ..devices.vfio import Vfio
from ..play.scenario import Scenario
from ..play.script import Step, UserAction
from .parts import FULL_DEVICES, PC_DEVICES, SLOW, WRITER, scenario

_C = Capability
_S = MigrationStatus
_LARGE: Final = partial(Vfio.attach, memory_bytes=1 << 18, initial_bytes=1 << 17)

DEVICES: Final[tuple[Scenario, ...]] = (
    scenario(
        name="devices",
        title="A device of every kind",
        teaches=(
            "One that writes its bytes by itself, one that is only described, one that takes no part, one that is "
            "passed through and does nearly everything there is to do."
        ),
        workload=WRITER,
        devices=(PluggedMemory.attach, *FULL_DEVICES),
    ),
    scenario(
        name="vfio",
        title="A device that is passed through",
        teaches=(
            "It gives data while it runs, and the rest when it has stopped. The destination must have its initial "
            "data, and says so, before the source stops the VM."
        ),
        workload=WRITER,
        latency_us=2000,
        devices=(*PC_DEVICES, _LARGE),
        capabilities=frozenset({_C.RETURN_PATH, _C.SWITCHOVER_ACK}),
    ),
    scenario(
        name="vfio-multifd",
        title="Device state over channels of its own",
        teaches=(
            "A thread on the source sends what is left of the device in numbered pieces; another one on the "
            "destination puts them together, whatever their order, while the main channel goes on."
        ),
        workload=WRITER,
        devices=(*PC_DEVICES, _LARGE),
        capabilities=frozenset({_C.MULTIFD, _C.RETURN_PATH}),
    ),
    scenario(
        name="ack-withheld",
        title="A consent that never comes",
        teaches=(
            "Next to nothing is left, round after round, and the source does not switch over: the destination has "
            "not agreed, since a device's initial data never comes to an end."
        ),
        workload=WRITER,
        devices=(*PC_DEVICES, partial(Vfio.attach, precopy=False)),
        destination_devices=(*PC_DEVICES, Vfio.attach),
        capabilities=frozenset({_C.RETURN_PATH, _C.SWITCHOVER_ACK}),
        script=(Step(do=UserAction.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=250_000),),
        ends=_S.CANCELLED,
    ),
    scenario(
        name="wait-unplug",
        title="A card that the guest must let go of first",
        teaches="Before the first round the source waits until the guest has given up what can't move.",
        workload=WRITER,
        devices=(*PC_DEVICES, FailoverNic.attach),
    ),
    scenario(
        name="cancel-wait-unplug",
        title="Cancelled while the guest holds on to its card",
        teaches="The guest takes its time; the user does not.",
        workload=WRITER,
        devices=(*PC_DEVICES, partial(FailoverNic.attach, unplug_us=None)),
        script=(Step(do=UserAction.MIGRATE_CANCEL, status=_S.WAIT_UNPLUG, after_us=400_000),),
        ends=_S.CANCELLED,
    ),
    scenario(
        name="unmigratable",
        title="A device that can't move",
        teaches="The source refuses before anything has happened: no setup, no cleanup, no byte.",
        workload=WRITER,
        devices=(*PC_DEVICES, Unmigratable.attach),
        ends=_S.NONE,
    ),
    scenario(
        name="older-destination",
        title="A destination with an older device",
        teaches="It does not know the version that is sent, and says so: the source's guest goes on.",
        workload=WRITER,
        devices=(*PC_DEVICES, Uart.attach),
        destination_devices=(*PC_DEVICES, partial(Uart.attach, version_id=2)),
        capabilities=frozenset({_C.RETURN_PATH}),
        ends=_S.FAILED,
    ),
    scenario(
        name="failure-unheard",
        title="A destination that fails, and a source that never hears of it",
        teaches="Without a return path all is well once all is sent. The destination can't load it: no guest runs.",
        workload=WRITER,
        devices=(*PC_DEVICES, Uart.attach),
        destination_devices=(*PC_DEVICES, partial(Uart.attach, version_id=2)),
        arrives=False,
    ),
    scenario(
        name="older-source",
        title="A source with an older device",
        teaches="The newer device reads what the older one wrote, and computes what it did not send.",
        workload=WRITER,
        devices=(*PC_DEVICES, partial(Uart.attach, version_id=2)),
        destination_devices=(*PC_DEVICES, Uart.attach),
    ),
    scenario(
        name="unneeded-subsection",
        title="A subsection that is not needed is not sent",
        teaches="The queue is empty, so that even a destination without one can load the device.",
        devices=(*PC_DEVICES, Uart.attach),
        destination_devices=(*PC_DEVICES, partial(Uart.attach, fifo=False)),
    ),
    scenario(
        name="unknown-subsection",
        title="A subsection that the destination does not know",
        teaches="There is something in the queue: it is sent, and a destination without one can't load the device.",
        workload=WRITER,
        devices=(*PC_DEVICES, Uart.attach),
        destination_devices=(*PC_DEVICES, partial(Uart.attach, fifo=False)),
        capabilities=frozenset({_C.RETURN_PATH}),
        ends=_S.FAILED,
    ),
    scenario(
        name="missing-subsection",
        title="A subsection that did not come",
        teaches="The source has no queue at all: the destination's stays as it was, which is empty.",
        workload=WRITER,
        devices=(*PC_DEVICES, partial(Uart.attach, fifo=False)),
        destination_devices=(*PC_DEVICES, Uart.attach),
        parameters=replace(SLOW, downtime_limit_ms=50),
    ),
)
