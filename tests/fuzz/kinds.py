"""What is tried with damaged inputs: everything of the public interface that reads what somebody else wrote.

A kind is made of inputs, of what is done with each, and of its share in a search. What is done ends, or raises a
SavevmError; anything else is found.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import savevm_inspect as si
from savevm_inspect.cli import cli
from savevm_inspect.cli.status import status_of
from savevm_inspect.container.capture_folder import EVENTS
from savevm_inspect.errors import EngineError, SavevmError
from savevm_inspect.reader.find import find_devices, find_fields
from savevm_inspect.stream.events import read_events
from savevm_inspect.trace.recorded import Recorded
from savevm_inspect.views.json_documents import field_row
from savevm_inspect.views.ksy import ksy_document, ksy_of_stream
from savevm_inspect.views.moment import Playback
from savevm_inspect.views.perfetto import perfetto_events
from savevm_inspect.views.ram_maps import entropy_map, sent_map
from savevm_inspect.views.series import device_sizes, page_series
from savevm_inspect.views.summary import summary
from savevm_inspect.widgets.explorer_still import explorer_still

from ..cli.command_line import READING_VERBS, reading
from . import inputs
from .inputs import Files, Make

_READ_BYTES: Final = 1 << 14
_EVENTS: Final = 300
_FIELDS: Final = 300


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that is tried.

    Attributes:
        make: the inputs that are damaged.
        work: what is done with one; it may choose among several ways.
        share: how many inputs of a thousand, about.
    """

    make: tuple[Make, ...]
    work: Callable[[Files, Random], object]
    share: int

    def seeds(self) -> list[Files]:
        """All inputs, undamaged."""
        return [files for make in self.make for files in make()]


def opened(files: Files, chance: Random) -> si.Stream:
    """A stream with all of its channels."""

    def named(word: str) -> list[bytes]:
        return [data for name, data in files.items() if name.startswith(word)]

    return si.open_stream(
        files["source"],
        channels=named("channel"),
        resumed=named("resumed"),
        return_path=files.get("return"),
        schema=files.get("schema.json"),
        strict=chance.random() < 0.2,
    )


def of_stream(work: Callable[[si.Stream, Random], object]) -> Callable[[Files, Random], object]:
    """What is done with an open stream, done with files."""

    def work_on_files(files: Files, chance: Random) -> object:
        with opened(files, chance) as stream:
            return work(stream, chance)

    return work_on_files


def each_of(things: Iterator[Callable[[], object]]) -> None:
    """Do several things of which each may be refused by itself."""
    for thing in things:
        try:
            thing()
        except SavevmError as error:
            _one_line(error)


def _one_line(error: object) -> None:
    assert "\n" not in str(error), f"more than a line: {error!s}"


# Streams --------------------------------------------------------------------------------------------------------


def read_summary(stream: si.Stream, _chance: Random) -> None:
    facts = summary(stream)
    assert facts["accounted_bytes"] <= facts["size_bytes"]
    json.dumps(facts)
    for problem in facts["problems"]:
        _one_line(problem)
    assert repr(stream)
    stream._repr_html_()
    stream._ipython_key_completions_()


def read_fields(stream: si.Stream, chance: Random) -> None:
    wanted = chance.choice(("*", "x", "timer", "cpu", "*@1", "[", "ram"))

    def look(device: si.Device) -> None:
        fields = device.fields[:_FIELDS]
        for field in fields:
            json.dumps(field_row(device.idstr, device.instance_id, field))
            _one_line(field.text())
            field.text(whole=True)
        list(find_fields(fields, wanted))

    looks = ((lambda device=device: look(device)) for device in stream)
    each_of(chain(looks, [lambda: find_devices(stream.devices, wanted)]))


def read_tables(stream: si.Stream, chance: Random) -> None:
    for table in si.tables(stream):
        if chance.random() < 0.2:
            table.to_arrow()
        elif chance.random() < 0.2:
            table.to_numpy()
        else:
            for batch in table.batches():
                assert len({len(column) for column in batch.values()}) <= 1


def read_history(stream: si.Stream, _chance: Random) -> None:
    history = stream.history
    assert len(history.iteration) == len(history.cost_bytes) == len(stream.pages)
    assert sum(each.sent_pages for each in history.iterations()) == len(stream.pages)
    assert history.other_bytes >= 0
    assert repr(history)
    history._repr_html_()
    for block in stream.blocks[:2]:
        history.of_page(block.name, 0)
        sent_map(stream, block.name)
    page_series(stream)
    device_sizes(stream)


def read_ram(stream: si.Stream, _chance: Random) -> None:
    json.dumps(si.ram_stats(stream))
    for block in stream.blocks[:2]:
        entropy_map(stream, block.name)


def search_memory(stream: si.Stream, chance: Random) -> None:
    pattern = chance.choice((b"\0\0", b"QEMU", b"\xff", b"", bytes(64)))

    def look(name: str) -> None:
        image = stream.memory[name]
        assert image.missing_pages >= 0
        image.read(_READ_BYTES)
        list(islice(image.search(pattern, chance.choice((0, 1, 1 << 40))), 20))
        image.seek(-16, 2)
        image.read(64)
        list(islice(image.missing(), 20))
        list(islice(image.problems(), 20))

    each_of((lambda name=name: look(name)) for name in stream.memory)


def map_memory(stream: si.Stream, _chance: Random) -> None:
    memory = stream.memory
    virtual = memory.virtual
    steps: tuple[Callable[[], object], ...] = (
        lambda: memory.address_map,
        lambda: memory.unplaced,
        lambda: memory.cpus,
        lambda: memory.physical.read(_READ_BYTES),
        lambda: list(islice(memory.physical.search(b"QEMU"), 4)),
        lambda: virtual().read(_READ_BYTES),
        lambda: list(islice(virtual().search(b"\0\1"), 4)),
        lambda: memory.vmcoreinfo("<"),
    )
    each_of(iter(steps))


def name_bytes(stream: si.Stream, _chance: Random) -> None:
    runs = si.name_bytes(stream)
    position: dict[int, int] = {0: stream.offset}
    for run in runs:
        assert run.span.offset == position.get(run.span.channel, run.span.offset), "a gap, or an overlap"
        position[run.span.channel] = run.span.end
        _one_line(run.name)
    assert position[0] == len(stream.buffer)


def explore(stream: si.Stream, chance: Random) -> None:
    explorer = si.explore(stream)
    try:
        kaitai = chance.random() < 0.5
        for device in islice(stream.devices, 3):
            explorer.select(device.idstr)
            where = {"channel": explorer.span.channel, "offset": explorer.span.offset}
            found, _ = explorer.answer({"ask": "at", **where, "kaitai": kaitai}) or ({}, [])
            assert explorer.answer({"ask": "window", **where, "length": 4096})
            part = {"record": found["record"], "first": found["part"] or 0, "count": 50, "kaitai": kaitai}
            assert explorer.answer({"ask": "parts", **part})
        assert explorer.answer({"ask": "open"})
        assert explorer.answer({"ask": "rows", "first": 0, "count": 500})
        assert explorer.answer({"ask": "find", "what": chance.choice(("names", "values", "text")), "wanted": "a"})
        assert explorer_still(explorer.outline, explorer.span)
    finally:
        explorer.close()


def show(stream: si.Stream, chance: Random) -> None:
    start = chance.randrange(max(len(stream.buffer), 1))
    si.show_bytes(stream, si.Span(offset=start, length=chance.choice((0, 1, 300))))
    if stream.description is not None:
        si.show_format(ksy_document(stream.description))


def compare(stream: si.Stream, _chance: Random) -> None:
    si.kaitai.compare(stream)


def parse(files: Files, chance: Random) -> None:
    options: dict[str, Any] = {"channels": [data for name, data in files.items() if name.startswith("channel")]}
    with si.kaitai.parse(files["source"], strict=chance.random() < 0.5, **options) as tree:
        si.kaitai.spans(tree)


_VALUES: Final = (0, -1, 1 << 64, True, "", "x" * 300, "\ud800", b"", bytes(40), (1, 2), [], [1 << 70] * 3)
_NAMES: Final = ("", "x", "x" * 300, "\ud800", "a/b")


def edit(stream: si.Stream, chance: Random) -> None:
    edited = stream.edit()
    devices = stream.devices or (chance.choice(_NAMES),)

    def one_change() -> None:
        device = chance.choice(devices)
        fields = device.fields if isinstance(device, si.Device) else ()
        field = chance.choice(fields).path if fields else chance.choice(_NAMES)
        match chance.randrange(6):
            case 0:
                edited.drop(device, chance.choice(field.split("/")))
            case 1:
                edited.rename(device, chance.choice(field.split("/")), chance.choice(_NAMES))
            case 2:
                edited.bump(device, chance.choice((0, 7, -1, 1 << 32)), chance.choice(("", *field.split("/"))))
            case 3:
                edited.flip(chance.choice((0, 9, 40, 1 << 40)), chance.choice((1, 0, 256)))
            case 4:
                edited.cut(chance.choice((-1, 60, 300, 1 << 40)), chance.choice((0, 0, 1, 9)))
            case _:
                edited.set(device, field, chance.choice(_VALUES))

    each_of(iter([one_change] * 4))
    assert repr(edited)
    edited.to_bytes()


def write_format(stream: si.Stream, _chance: Random) -> None:
    assert ksy_of_stream(stream)


# The engine, captures, traces -----------------------------------------------------------------------------------


def load(files: Files, _chance: Random) -> None:
    """Have the destination of a scenario load what its source wrote."""
    ((name, content),) = files.items()
    loaded = si.load(content, inputs.small_scenarios()[name])
    assert repr(loaded)
    for event in loaded.events:
        assert event.to_json()
    if loaded.error is not None:
        _one_line(loaded.error)
        raise_what_a_handler_hid(loaded.error)
        raise loaded.error


def raise_what_a_handler_hid(error: EngineError) -> None:
    """The engine calls handlers of others, and reports whatever they raise; ours raise errors of ours."""
    cause: BaseException | None = error
    while isinstance(cause, EngineError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if not isinstance(cause, SavevmError):
        raise cause


def read_folder(files: Files, chance: Random) -> None:
    with as_folder(files) as folder:
        capture = si.CaptureFolder(folder)
        steps: tuple[Callable[[], object], ...] = (
            lambda: (repr(capture), capture.forward(), capture.return_path(), capture.verdict),
            lambda: list(islice(capture.events(), _EVENTS)),
            lambda: _open_folder(folder, chance),
            lambda: _play(folder, chance),
        )
        each_of(iter(steps))


def _open_folder(folder: Path, chance: Random) -> None:
    with si.open_stream(folder, strict=chance.random() < 0.2) as stream:
        read_history(stream, chance)
        read_tables(stream, chance)


def _play(folder: Path, chance: Random) -> None:
    playback = Playback(folder)
    try:
        last = len(playback.timeline) - 1
        for index in (0, last, chance.randrange(last + 1)):
            playback.moment(index)
    finally:
        playback.close()


def read_event_lines(files: Files, chance: Random) -> None:
    text = files[EVENTS].decode("utf-8", "replace")
    events = list(read_events(text.splitlines()))
    for event in events:
        assert si.Event.from_json(event.to_json()) == event
    timeline = si.Timeline(events)
    steps: tuple[Callable[[], object], ...] = (
        lambda: timeline.at(chance.randrange(len(events) + 1)),
        timeline.phases,
        lambda: timeline.call_at(chance.randrange(len(events) or 1)),
        lambda: timeline.next_phase(0),
        lambda: si.pending_series(timeline),
        lambda: json.dumps(list(perfetto_events(events))),
    )
    each_of(iter(steps))


def read_trace(files: Files, chance: Random) -> None:
    with as_folder(files) as folder:
        recorded = Recorded.open(folder / "x")
        with recorded.open_stream(strict=False) or StringIO() as stream:
            events = list(recorded.events(stream if isinstance(stream, si.Stream) else None))
        for event in events:
            assert si.Event.from_json(event.to_json()) == event
        si.Timeline(events).at(len(events))
        json.dumps(list(perfetto_events(events)))


@contextmanager
def as_folder(files: Files) -> Iterator[Path]:
    with TemporaryDirectory(prefix="fuzz-") as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        yield Path(folder)


# The command line ------------------------------------------------------------------------------------------------


def run_verb(files: Files, chance: Random) -> None:
    """A verb of the command line, in this process: its exit status is 0 or 1, and it says a line."""
    verb = chance.choice(READING_VERBS)
    with as_folder(files) as folder:
        channels = chain.from_iterable(("--channel", str(folder / name)) for name in files if name.startswith("chan"))
        further = [] if verb[0] == "events" else list(channels)
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = status_of(cli, [*reading(verb, folder / "source", folder), *further])
        assert status in (0, 1), f"exit status {status}: {err.getvalue()}"
        assert "Traceback" not in err.getvalue(), err.getvalue()
        if status:
            raise SavevmError(err.getvalue().strip().splitlines()[-1] if err.getvalue() else "no word")


_STREAMS: Final = (inputs.small_streams, inputs.devices, inputs.engine_streams, inputs.hostile_streams)
_RAM: Final = (inputs.ram_streams, inputs.engine_streams)

KINDS: Final[Mapping[str, Kind]] = {
    "summary": Kind((*_STREAMS, inputs.ram_streams), of_stream(read_summary), 50),
    "fields": Kind((inputs.devices, inputs.small_streams), of_stream(read_fields), 140),
    "fields of whole machines": Kind((inputs.large_streams,), of_stream(read_fields), 1),
    "a given schema": Kind((inputs.descriptions,), of_stream(read_fields), 50),
    "tables": Kind(_STREAMS, of_stream(read_tables), 40),
    "history": Kind(_RAM, of_stream(read_history), 50),
    "ram_stats": Kind(_RAM, of_stream(read_ram), 20),
    "search": Kind(_RAM, of_stream(search_memory), 50),
    "guest memory": Kind((*_RAM, inputs.devices), of_stream(map_memory), 40),
    "name_bytes": Kind((*_STREAMS, inputs.ram_streams), of_stream(name_bytes), 40),
    "explore": Kind(_STREAMS, of_stream(explore), 3),
    "show_bytes, show_format": Kind(_STREAMS, of_stream(show), 10),
    "kaitai.compare": Kind((*_STREAMS, inputs.ram_streams), of_stream(compare), 40),
    "kaitai.parse": Kind(_STREAMS, parse, 20),
    "formats": Kind((inputs.devices,), of_stream(write_format), 10),
    "edit": Kind((inputs.devices, inputs.small_streams, inputs.engine_streams), of_stream(edit), 30),
    "return path": Kind((inputs.return_paths,), of_stream(read_summary), 100),
    "containers": Kind((inputs.images,), of_stream(read_summary), 100),
    "loadvm": Kind((inputs.loadable,), load, 60),
    "capture folders": Kind((inputs.capture_folders,), read_folder, 10),
    "event lines": Kind((inputs.event_files,), read_event_lines, 100),
    "trace logs": Kind((inputs.trace_logs,), read_trace, 50),
    "verbs": Kind((*_STREAMS, inputs.ram_streams), run_verb, 16),
}
