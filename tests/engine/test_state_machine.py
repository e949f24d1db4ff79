"""Whatever is registered, switched on, broken and cancelled: no illegal phase, no cleanup lost, no lock kept."""

import random
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from savevm_inspect.engine.devices.console import Console
from savevm_inspect.engine.devices.cpu import Cpu
from savevm_inspect.engine.devices.faulty import Fault, How
from savevm_inspect.engine.devices.htab import HashPageTable
from savevm_inspect.engine.devices.inactive import Inactive
from savevm_inspect.engine.devices.uart import Uart
from savevm_inspect.engine.devices.vfio import Vfio
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.machine.machine import Attach, Machine
from savevm_inspect.engine.machine.registry import SaveStateEntry
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.scenarios import NONE_DEVICES, SCENARIOS
from savevm_inspect.errors import EngineError, SavevmError
from savevm_inspect.rules.callbacks import CALLBACKS
from savevm_inspect.rules.options import Capability, Options
from savevm_inspect.rules.phases import PHASE_TRANSITIONS, Phase
from savevm_inspect.rules.status import MigrationStatus, is_running
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from .laws import assert_laws
from .running import Run, run

_S = MigrationStatus
DEVICES: dict[str, Attach] = {
    "console": Console.attach,
    "cpu": Cpu.attach,
    "spapr/htab": HashPageTable.attach,
    "inactive": Inactive.attach,
    "isa/0x3f8/serial": Uart.attach,
    "0000:00:05.0/vfio": partial(Vfio.attach, memory_bytes=1 << 14, initial_bytes=1 << 13),
}
HOWS = (How.FAIL, How.RAISE, How.STALL, How.TOO_MUCH, How.NOTHING)
LIVE = sorted(set(Capability) - {Capability.MAPPED_RAM, Capability.BACKGROUND_SNAPSHOT})
LEFT = ("setup", "active", "device", "pre-switchover", "postcopy-active")


def without(attach: Attach, idstr: str, obj: str) -> Attach:
    """A device that is built in, registered, and taken out of the list again."""

    def attach_and_unregister(machine: Machine) -> object:
        device = attach(machine)
        before = len(machine.registry)
        assert machine.registry.unregister_savevm(obj, idstr, device) == before - len(machine.registry)
        return device

    return attach_and_unregister


class Migrations(RuleBasedStateMachine):
    """Builds a scenario step by step, and runs it every now and then."""

    @initialize(seed=st.integers(0, 99))
    def begin(self, seed: int) -> None:
        self.registered: dict[str, Attach] = {}
        self.gone: list[Attach] = []
        self.capabilities: frozenset[Capability] = frozenset()
        self.faults: tuple[Fault, ...] = ()
        self.script: tuple[Step, ...] = ()
        self.seed = seed
        self.made: Run | None = None

    @rule(name=st.sampled_from(sorted(DEVICES)))
    def register(self, name: str) -> None:
        self.registered[name] = DEVICES[name]

    @precondition(lambda self: self.registered)
    @rule(data=st.data())
    def unregister(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.registered)))
        attach = self.registered.pop(name)
        obj, _, idstr = name.rpartition("/") if name.startswith("isa") else ("", "", name)
        self.gone = [without(attach, idstr, obj)]
        self.faults = tuple(fault for fault in self.faults if fault.idstr != name)

    @rule(
        capability=st.sampled_from(sorted(set(Capability) - {Capability.MAPPED_RAM, Capability.BACKGROUND_SNAPSHOT}))
    )
    def switch(self, capability: Capability) -> None:
        wanted = self.capabilities ^ {capability}
        try:
            Options(capabilities=wanted)
        except SavevmError:
            return
        self.capabilities = wanted

    @rule(
        handler=st.sampled_from(sorted(CALLBACKS)),
        how=st.sampled_from(HOWS),
        at_call=st.integers(1, 3),
        data=st.data(),
    )
    def break_something(self, handler: str, how: How, at_call: int, data: st.DataObject) -> None:
        idstr = data.draw(st.sampled_from(["ram", *sorted(self.registered)]))
        side = data.draw(st.sampled_from(CALLBACKS[handler].sides))
        try:
            fault = Fault(handler=handler, idstr=idstr, how=how, at_call=at_call, side=side)
            replace(self.scenario(), faults=(fault,)).build_source(_nobody())
            replace(self.scenario(), faults=(fault,)).build_destination(_nobody())
        except SavevmError:
            return  # the device has no such callback, or no such way to go wrong
        self.faults = (fault,)
        self.run_it(None)

    @rule()
    def mend(self) -> None:
        self.faults = ()

    @rule(status=st.sampled_from([None, *LEFT]), after_us=st.sampled_from([0, 20_000]))
    def cancel_at(self, status: str | None, after_us: int) -> None:
        steps = [Step(do=UserAction.MIGRATE_START_POSTCOPY, status=_S.ACTIVE)]
        if status is not None:
            steps.append(Step(do=UserAction.MIGRATE_CANCEL, status=_S(status), after_us=after_us))
        self.script = tuple(steps)
        self.run_it(None)

    @rule(seed=st.none() | st.integers(0, 99))
    def migrate(self, seed: int | None) -> None:
        self.run_it(seed)

    def run_it(self, seed: int | None) -> None:
        source = random.Random(seed)
        choose = {} if seed is None else {"choose": lambda ready: source.choice(list(ready))}
        try:
            self.made = run(self.scenario(), **choose)  # type: ignore[arg-type]
        except EngineError as error:
            if "does not converge" not in str(error):
                raise
            self.made = None

    def scenario(self) -> Scenario:
        pause = (Step(do=UserAction.MIGRATE_CONTINUE, status=_S.PRE_SWITCHOVER, after_us=1000),)
        return replace(
            SCENARIOS["quickstart"],
            devices=(*NONE_DEVICES, *self.gone, *self.registered.values()),
            ram_bytes=32 << 12,
            workload=Workload(writes_per_s=200, stops_after_us=100_000),
            link_bytes_per_s=1_000_000,
            latency_us=500,
            seed=self.seed,
            capabilities=self.capabilities,
            faults=self.faults,
            script=self.script + pause * (Capability.PAUSE_BEFORE_SWITCHOVER in self.capabilities),
            time_limit_us=3_000_000,
        )

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        made, self.made = getattr(self, "made", None), None
        if made is None:
            return
        assert_laws(made)
        assert_phases_follow(made)
        assert_cleanups(made, Side.SOURCE, "save_cleanup", made.migration.source)
        assert_cleanups(made, Side.DESTINATION, "load_cleanup", made.migration.destination)


def _nobody() -> Any:
    from savevm_inspect.engine.sim.clock import VirtualClock  # noqa: PLC0415
    from savevm_inspect.engine.sim.scheduler import Scheduler  # noqa: PLC0415

    return Scheduler(VirtualClock())


def assert_phases_follow(made: Run) -> None:
    for side in Side:
        before: Phase | None = None
        for event in made.of(side):
            if event.phase is not before:
                assert before is None or event.phase in reachable(side, before), (before, event.phase)
                before = event.phase


def reachable(side: Side, phase: Phase) -> set[Phase]:
    """Phases that may follow one, also through such as pass without an event."""
    found: set[Phase] = set()
    ahead = list(PHASE_TRANSITIONS[side][phase])
    while ahead:
        following = ahead.pop()
        if following not in found:
            found.add(following)
            ahead += PHASE_TRANSITIONS[side][following]
    return found


def assert_cleanups(made: Run, side: Side, handler: str, end: Any) -> None:
    """Everyone that has one has its cleanup once, if anything was begun, and never before the end."""
    had = Counter(
        (event.idstr, event.instance_id) for event in made.of(side, EventKind.CALL) if event.handler == handler
    )
    entries: list[SaveStateEntry] = [entry for entry in end.machine.registry if entry.has(handler)]
    paused = is_running(end.status)
    begun = end.phase is Phase.CLEANUP
    expected = Counter((entry.idstr, entry.instance_id) for entry in entries if begun)
    assert had == expected, (side, end.status, end.phase, paused)
    if side is Side.SOURCE and end.status in {_S.COMPLETED, _S.FAILED, _S.CANCELLED}:
        assert begun


Migrations.TestCase.settings = settings(
    max_examples=50, stateful_step_count=20, suppress_health_check=list(HealthCheck)
)
TestMigrations = Migrations.TestCase
