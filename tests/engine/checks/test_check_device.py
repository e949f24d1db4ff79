"""Devices that users write: good ones pass every check, and each seeded mistake has its finding."""

import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.engine.machine import step_limit
from savevm_inspect.errors import EngineError


class Counter:
    """How often the guest wrote."""

    count = 0

    def on_write(self, page: int) -> None:
        self.count += 1

    def save_state(self, f: Any) -> None:
        f.put_be32(self.count)

    def load_state(self, f: Any, version_id: int) -> int:
        self.count = f.get_be32()
        return 0


class Log:
    """Every page that the guest wrote to, sent in rounds."""

    def __init__(self) -> None:
        self.entries: list[int] = []
        self._sent = 0

    def on_write(self, page: int) -> None:
        self.entries.append(page)

    def _put(self, f: Any) -> int:
        new = self.entries[self._sent :]
        f.put_be32(len(new))
        for entry in new:
            f.put_be32(entry)
        self._sent = len(self.entries)
        return 1

    def save_setup(self, f: Any) -> int:
        self._sent = 0
        return 0 * self._put(f)

    def save_live_iterate(self, f: Any) -> int:
        return self._put(f)

    def save_complete(self, f: Any) -> int:
        return 0 * self._put(f)

    def load_state(self, f: Any, version_id: int) -> int:
        self.entries += [f.get_be32() for _ in range(f.get_be32())]
        return 0


class Lamp:
    """A device that is only described."""

    on = True
    level = 0

    def on_write(self, page: int) -> None:
        self.level = page


class Bare:
    """A class that nobody has made a device."""


FIELDS = {"on": "bool", "level": "uint16"}


def made(base: type, **methods: Any) -> type:
    """A device like another one, with other methods; ``None`` takes one away."""
    names = {name: value for name, value in vars(base).items() if not name.startswith("__") or name == "__init__"}
    names = {name: value for name, value in (names | methods).items() if value is not None}
    return si.device("mine")(type("Mine", (), names))


def test_what_is_written_well_passes_every_check() -> None:
    for device in (made(Counter), made(Log), si.device("lamp", fields=FIELDS)(Lamp)):
        report = si.check_device(device)
        assert report.ok, report
        assert not report.failed
        assert "checks passed" in repr(report)
        assert report.findings[-1].check in report._repr_html_()
    assert [each.check for each in si.check_device(made(Counter)).findings] == [
        *("save_state", "load_state", "migration", "state", "length", "cuts", "damage", "twice")
    ]


def half(self: Any, f: Any, version_id: int) -> int:
    self.count = f.get_be16()
    return 0


def twice(self: Any, f: Any, version_id: int) -> int:
    self.count = f.get_be32() + f.get_be32()
    return 0


def nothing(self: Any, f: Any, version_id: int) -> None:
    self.count = f.get_be32()


def little(self: Any, f: Any) -> None:
    f.put_buffer(struct.pack("<I", self.count))


def forgets(self: Any, f: Any, version_id: int) -> int:
    f.get_be32()
    return 0


def changes(self: Any, f: Any) -> None:
    f.put_be32(self.count)
    self.count = 0


def differs(self: Any, f: Any) -> None:
    self._times = getattr(self, "_times", 0) + 1
    f.put_be32(self.count)
    f.put_be32(self._times)


def first_of_two(self: Any, f: Any, version_id: int) -> int:
    self.count, _ = f.get_be32(), f.get_be32()
    return 0


def whatever_comes(self: Any, f: Any, version_id: int) -> int:
    self.count = int.from_bytes(f.get_buffer(f.remaining if f.remaining < 4 else 4), "big")
    return 0


def by_index(self: Any, f: Any, version_id: int) -> int:
    self.count = [0] * 300 and f.get_be32()
    return 0 * list(range(400))[self.count]


def raises(self: Any, *_arguments: Any) -> int:
    raise RuntimeError("out of paper")


def endless(self: Any, *_arguments: Any) -> int:
    while True:
        pass


def endless_steps(self: Any, *_arguments: Any) -> Iterator[None]:
    while True:
        yield None


def fails(self: Any, *_arguments: Any) -> int:
    return -5


def pending_number(self: Any) -> int:
    return 4096


def never_less(self: Any) -> Any:
    from savevm_inspect.engine.machine.handlers import Pending  # noqa: PLC0415 - what a notebook would import

    return Pending(must_precopy=1 << 30)


def vague(self: Any) -> None:
    """Neither yes nor no."""


MISTAKES: dict[str, tuple[Callable[[], type], str, str]] = {
    "reads less than was saved": (
        lambda: made(Counter, load_state=half),
        "length",
        "reads 2 of the 4 bytes that were saved; no footer follows there",
    ),
    "reads more than was saved": (lambda: made(Counter, load_state=twice), "length", "4 bytes: .*needs 4 bytes"),
    "returns nothing": (lambda: made(Counter, load_state=nothing), "load_state", "returned None, expected 0"),
    "says that it failed": (lambda: made(Counter, load_state=fails), "load_state", "returned -5"),
    "the other byte order": (
        lambda: made(Counter, save_state=little),
        "state",
        r"count was \d+ and is \d+, its bytes in the opposite order: the stream is big-endian",
    ),
    "a field that is not loaded": (lambda: made(Counter, load_state=forgets), "state", r"count was \d+ and is 0"),
    "a log without save_complete": (
        lambda: made(Log, save_complete=None),
        "state",
        r"entries has \d+ of \d+ entries; what changed after its last round is lost, since it has no save_complete",
    ),
    "saving changes what is saved": (lambda: made(Counter, save_state=changes), "twice", "to be saved changes it"),
    "saved otherwise each time": (
        lambda: made(Counter, save_state=differs, load_state=first_of_two),
        "twice",
        "saved again it is",
    ),
    "takes a cut section for whole": (
        lambda: made(Counter, load_state=whatever_comes),
        "cuts",
        "of which 0 of 4 bytes came: takes it for whole",
    ),
    "an index out of the stream": (
        lambda: made(Counter, load_state=by_index),
        "damage",
        "byte 0 inverted: raises IndexError",
    ),
    "raises when it is saved": (lambda: made(Counter, save_state=raises), "save_state", "RuntimeError: out of paper"),
    "raises when it is loaded": (
        lambda: made(Counter, load_state=raises),
        "load_state",
        "RuntimeError: out of paper",
    ),
    "never returns": (lambda: made(Counter, load_state=endless), "load_state", "did not return within"),
    "a generator without an end": (
        lambda: made(Counter, load_state=endless_steps),
        "load_state",
        "did not end within",
    ),
    "pending bytes as a number": (
        lambda: made(Log, state_pending_exact=pending_number, state_pending_estimate=pending_number),
        "state_pending_estimate",
        "returned 4096, expected a Pending",
    ),
    "pending bytes that never fall": (
        lambda: made(Log, state_pending_exact=never_less, state_pending_estimate=never_less),
        "migration",
        "does not converge",
    ),
    "neither yes nor no": (lambda: made(Log, is_active=vague), "is_active", "returned None, expected True or False"),
    "not ready for the setup": (lambda: made(Log, save_setup=fails), "save_setup", "returned -5"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_limit, "LINES", 20_000)
    monkeypatch.setattr(step_limit, "STEPS", 1000)
    make, check, reason = MISTAKES[mistake]
    report = si.check_device(make())
    assert not report.ok
    found = {each.check: each.reason for each in report.failed}
    assert check in found, report
    assert re.search(reason, found[check]), report
    assert found[check] in repr(report)
    if check in ("cuts", "damage", "twice"):  # nothing else betrays it
        assert set(found) == {check}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: made(Counter, load_stat=half),
            "Mine.load_stat is no callback of register.h; did you mean load_state",
        ),
        (lambda: made(Counter, save_live_complete_precopy=half), "callback of QEMU"),
        (lambda: made(Counter, save_state=None, load_state=None), "no method named as a callback"),
        (lambda: si.device("lamp", fields={"on": "boolean"})(Lamp), "no type is called 'boolean'"),
        (lambda: si.device("counter", fields={"count": "uint32"})(Counter), "a device with fields has hooks only"),
        (lambda: si.check_device(Bare), "is no device: decorate the class"),
        (lambda: si.check_device(lambda machine: object()), "registers nothing under itself"),
    ],
)
def test_what_is_no_device_is_refused(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(si.SavevmError, match=said):
        make()


def test_a_device_is_built_into_a_scenario_as_it_is() -> None:
    kept = si.scenarios["quickstart"].devices
    run = si.run("quickstart", devices=[*kept, made(Counter)])
    source, destination = run.source.devices[-1], run.destination.devices[-1]
    assert 0 < source.count <= destination.count
    assert source.machine is run.source
    assert run.stream["mine"].fields[0].value == source.count.to_bytes(4, "big")


@pytest.mark.parametrize(("name", "side"), [("save_state", "complete"), ("load_state", "load")])
@pytest.mark.parametrize("method", [raises, endless, endless_steps])
def test_a_callback_that_does_not_end_is_one_error(
    name: str, side: str, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_limit, "LINES", 20_000)
    monkeypatch.setattr(step_limit, "STEPS", 1000)
    kept = si.scenarios["return-path"].devices
    run = si.run("return-path", devices=[*kept, made(Counter, **{name: method})])
    assert run.outcome is si.Outcome.FAILED
    error = next(
        each for each in (run.migration.source.error, run.migration.destination.error) if each and each.handler
    )
    assert isinstance(error, EngineError)
    assert (error.phase, error.handler, error.section) == (side, name, "mine (instance 0)")


def test_a_constructor_may_want_its_machine() -> None:
    @si.device("wants")
    class Wants(Counter):
        def __init__(self, machine: Any) -> None:
            self._owner = machine

    assert si.check_device(Wants).ok
