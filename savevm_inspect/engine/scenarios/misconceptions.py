"""Migrations that go otherwise than one would think."""

from dataclasses import replace
from typing import Final

from ...rules.compat import Behaviour
from ...rules.options import Capability
from ...rules.status import MigrationStatus
from ..devices.mistaken import Journal, Stray, lamp
from ..devices.timer import Timers
from ..machine.guest import Workload
from ..play.scenario import OUR_MACHINE, Scenario
from ..play.script import Step, UserAction
from .parts import FAST_WRITER, PC_DEVICES, POSTCOPY, SLOW, WRITER, scenario

_C = Capability
_S = MigrationStatus
_CANCEL: Final = Step(do=UserAction.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=1_500_000)
_LAMP: Final = lamp("colour", "brightness")
_IN_ORDER: Final = replace(FAST_WRITER, sequential=True)
"""Writes each page of its hot set within a few milliseconds, so that all of it is dirty again at each look."""

MISCONCEPTIONS: Final[tuple[Scenario, ...]] = (
    scenario(
        name="hot-set",
        title="A hot set that just fits into the downtime limit",
        teaches="All of it is dirty again at each look. That does not matter: what counts is its size.",
        workload=replace(_IN_ORDER, hot_pages=68),
    ),
    scenario(
        name="hot-set-too-large",
        title="The same with one page more",
        teaches="It never ends: at each look a page more is dirty than the threshold allows.",
        workload=replace(_IN_ORDER, hot_pages=69),
        script=(_CANCEL,),
        ends=_S.CANCELLED,
    ),
    scenario(
        name="sequential-writer",
        title="A guest that goes through its memory in order",
        teaches="Each write dirties another page: what each pass leaves is a geometric series.",
        workload=Workload(writes_per_s=1000, hot_pages=512, sequential=True),
        filled=1.0,
    ),
    scenario(
        name="avail-bandwidth-lie",
        title="A bandwidth that the link does not have",
        teaches=(
            "The user states what the switchover may use, and the threshold follows from it. The source stops for "
            "what would take 30 ms on such a link, and it takes many times that."
        ),
        workload=FAST_WRITER,
        parameters=replace(SLOW, avail_switchover_bandwidth_bytes_per_s=100_000_000),
    ),
    scenario(
        name="downtime-by-latency",
        title="A downtime that no limit knows of",
        teaches="Little is left when the VM stops; what is waited for is the other side's word, there and back.",
        workload=WRITER,
        latency_us=20_000,
        capabilities=frozenset({_C.RETURN_PATH}),
    ),
    scenario(
        name="postcopy-rescue",
        title="Postcopy ends what would never converge",
        teaches="Pass after pass nothing is gained; then the guest moves first, and each page is sent once more.",
        workload=FAST_WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM}),
        parameters=POSTCOPY,
        script=(Step(do=UserAction.MIGRATE_START_POSTCOPY, status=_S.ACTIVE, after_us=600_000),),
    ),
    scenario(
        name="swapped-fields",
        title="Two fields of one size, exchanged",
        teaches="Nothing notices: the section has its length and its footer, and the values are wrong.",
        workload=WRITER,
        devices=(*PC_DEVICES, _LAMP),
        destination_devices=(*PC_DEVICES, lamp("brightness", "colour")),
    ),
    scenario(
        name="field-without-version",
        title="A field more, and the same version",
        teaches="The newer device reads a byte that was never sent: that of the footer, which is then missing.",
        workload=WRITER,
        devices=(*PC_DEVICES, _LAMP),
        destination_devices=(*PC_DEVICES, lamp("colour", "brightness", "warmth")),
        capabilities=frozenset({_C.RETURN_PATH}),
        ends=_S.FAILED,
    ),
    scenario(
        name="no-footers",
        title="One byte too many, and no footer that would notice",
        teaches=(
            "The byte is zero, which is the end mark: the destination has all it wants, and its guest runs without "
            "the devices that follow. With footers it is an error at once."
        ),
        workload=WRITER,
        machine=replace(OUR_MACHINE, properties={Behaviour.SEND_SECTION_FOOTER: False}),
        devices=(Timers.attach, Stray.attach, *PC_DEVICES[1:]),
    ),
    scenario(
        name="lossy-device",
        title="A device that iterates and never completes",
        teaches="It has no save_complete: the migration is completed, and what came after its last round is lost.",
        workload=WRITER,
        devices=(Journal.attach, *PC_DEVICES),
    ),
)
