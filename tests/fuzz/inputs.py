"""What is damaged: the captures of real QEMUs, cut so short that many can be tried, and what the engine writes.

An input is one or more files by name: ``source``, ``channel1``, ``resumed1``, ``return``, or the names that the files
of a capture folder or of a trace have.
"""

import bz2
import gzip
import json
import lzma
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

import savevm_inspect as si
from savevm_inspect.container.capture_folder import EVENTS, MANIFEST
from savevm_inspect.container.compression import zstd_module
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.stream.records import (
    Configuration,
    EndOfStream,
    FileHeader,
    Framing,
    MultifdPacket,
    Record,
    Section,
    SectionKind,
    VmDescription,
)
from savevm_inspect.wire import VmRecord

from ..container.libvirt_image import image as libvirt_image
from ..container.test_compression import lzop_file
from .mutations import Mutate, mutate_bytes, mutate_json, mutate_json_lines, mutate_lines

Files = Mapping[str, bytes]

CAPTURES: Final = Path(__file__).parent.parent / "captures"
_SHARED: Final = CAPTURES.parent.parent.parent / "shared"
_MOST_BYTES: Final = 48 << 10
"""Whole files up to this length are tried as they are."""
_PAGES: Final = 3
"""How many pages are kept of each RAM section, and packets of each multifd channel."""
_PARTS: Final = 6
"""How many PART sections are kept of each device."""
_LINES: Final = 25
"""How many lines a log or an event file has."""
_RAM_BYTES: Final = 32 << 10
_EOS: Final = (0x10).to_bytes(8)
_KEPT_DEVICES: Final = ("timer", "cpu_common", "slirp", "globalstate", "serial", "dirty-bitmap")

_MUTATIONS: Final[Mapping[str, Mutate]] = {
    ".json": mutate_json,
    ".jsonl": mutate_json_lines,
    ".trace": mutate_lines,
}
"""By how a file's name ends; all others are bytes."""


def damaged(files: Files, chance: Random) -> dict[str, bytes]:
    """The same files, one or two of them changed; those of a few lines more often than those of bytes."""
    out = dict(files)
    for _ in range(chance.choice((1, 1, 1, 2))):
        name = chance.choice(list(out))
        mutate = _MUTATIONS.get(Path(name).suffix, _mutate_stream)
        out[name] = mutate(out[name], chance)
    return out


def _mutate_stream(data: bytes, chance: Random) -> bytes:
    """Change a stream's bytes, or what its description says, which keeps its length field right."""
    start = data.rfind(b'{"page_size"')
    if start < 5 or chance.random() < 0.7:
        return mutate_bytes(data, chance)
    text = mutate_json(data[start:], chance)
    return data[: start - 4] + len(text).to_bytes(4) + text


def unpacked(path: Path) -> bytes:
    """The bytes of a file that may be compressed with xz."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


# Real streams, whole and cut -----------------------------------------------------------------------------------


@cache
def small_streams() -> tuple[Files, ...]:
    """Whole streams and images in files that are small."""
    folders = (CAPTURES, CAPTURES / "devices", CAPTURES / "reports", _SHARED / "inputs" / "reports")
    found = (unpacked(path) for folder in folders for path in sorted(folder.glob("*.xz")) if _is_stream(path))
    return tuple({"source": data} for data in dict.fromkeys(found) if len(data) <= _MOST_BYTES)


def _is_stream(path: Path) -> bool:
    return path.name.removesuffix(".xz").endswith((".mig", ".raw", ".qcow2", ".state"))


@cache
def hostile_streams() -> tuple[Files, ...]:
    """Inputs that something failed on once, as far as they are small."""
    found = (unpacked(path) for path in sorted((CAPTURES / "hostile").glob("*.mig.xz")))
    return tuple({"source": data} for data in found if len(data) <= _MOST_BYTES)


@cache
def devices() -> tuple[Files, ...]:
    """Each device of real machines, alone in a stream with its description; one of each idstr and version."""
    found: dict[tuple[object, ...], Files] = {}
    for path in (*sorted(CAPTURES.glob("*.mig.xz")), *sorted((CAPTURES / "devices").glob("*.xz"))):
        data = unpacked(path)
        if len(data) > 5 << 20:
            continue
        with si.open_stream(data, strict=False) as stream:
            machine = stream.configuration.machine if stream.configuration else ""
            for section in stream.sections:
                if section.framing is Framing.SCHEMA and section.payload.length < _MOST_BYTES:
                    key = (section.idstr.rpartition("/")[2], section.version_id, machine.partition("-")[0])
                    found.setdefault(key, {"source": with_devices(data, stream, [section])})
    return tuple(found.values())


def with_devices(data: bytes, stream: si.Stream, kept: Iterable[Section]) -> bytes:
    """A stream with some of a stream's sections, and the description of these."""
    heads = [record for record in stream.records if isinstance(record, FileHeader | Configuration)]
    chosen = list(kept)
    names = {(each.idstr, each.instance_id) for each in chosen}
    return b"".join(_bytes(data, each) for each in (*heads, *chosen)) + b"\0" + described(data, stream, names)


def described(data: bytes, stream: si.Stream, names: set[tuple[str, int]]) -> bytes:
    """The description record with some of the devices, in QEMU's own words; empty if there is none."""
    record = next((each for each in stream.records if isinstance(each, VmDescription)), None)
    if record is None:
        return b""
    text = data[record.json.offset : record.json.end].rstrip(b"\0").decode()
    kept = [part for part, device in _devices_of(text) if (device["name"], device["instance_id"]) in names]
    out = f'{{"page_size": {stream.page_size}, "devices": [{", ".join(kept)}]}}'.encode()
    return bytes((VmRecord.QEMU_VM_VMDESCRIPTION,)) + len(out).to_bytes(4) + out


def _devices_of(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of the list of devices, as it is written and as it is read."""
    pos = text.index("[", text.index('"devices"')) + 1
    decoder = json.JSONDecoder()
    while (start := text.find("{", pos)) >= 0:
        device, pos = decoder.raw_decode(text, start)
        yield text[start:pos], device


def _bytes(data: bytes, record: Record) -> bytes:
    return data[record.span.offset : record.span.end]


def _opened(name: str) -> tuple[bytes, list[bytes], si.Stream]:
    """A capture of several channels: its main channel, the others, and the stream."""
    path = next(iter((*CAPTURES.glob(f"{name}.mig.xz"), *CAPTURES.glob(f"{name}.ch0.fwd.xz"))))
    others = [unpacked(each) for each in sorted(CAPTURES.glob(f"{name}.ch[1-9].fwd.xz"))]
    data = unpacked(path)
    return data, others, si.open_stream(data, channels=others, strict=False)


@cache
def ram_streams() -> tuple[Files, ...]:
    """Real streams of every kind of RAM, with some pages of each RAM section and some devices."""
    names = (
        *("t-10.0-live", "t-11.1-xbzrle", "t-7.2-compress-xbzrle", "x86-10.0-ignoreshared", "x86-7.2-bgsnap"),
        *("s-10.0-bitmaps", "s390x-s390-ccw-virtio-11.1", "riscv64-virt-10.0", "s-7.2-multifd-zstd"),
        *("multifd-pc-i440fx-8.0", "multifd-pc-i440fx-9.2", "t-11.1-multifd"),
    )
    return tuple(_cut(name) for name in names)


def _cut(name: str) -> Files:
    data, others, stream = _opened(name)
    with stream:
        out, names = bytearray(), set()
        parts: Counter[int] = Counter()
        for record in stream.records:
            if isinstance(record, EndOfStream):
                out += _bytes(data, record) + described(data, stream, names)
                break
            if not isinstance(record, Section):
                out += _bytes(data, record)
            elif record.kind is SectionKind.PART and parts[record.section_id] == _PARTS:
                continue
            elif record.idstr == "ram":
                parts[record.section_id] += record.kind is SectionKind.PART
                out += _cut_ram(data, stream, record)
            elif record.kind is not SectionKind.FULL or record.idstr.rpartition("/")[2] in _KEPT_DEVICES:
                out += _bytes(data, record)
                parts[record.section_id] += record.kind is SectionKind.PART
                names.add((record.idstr, record.instance_id))
        files = {"source": bytes(out)}
        for number, other in enumerate(others, 1):
            files[f"channel{number}"] = _cut_multifd(other, stream, number)
    return files


def _cut_ram(data: bytes, stream: si.Stream, section: Section) -> bytes:
    rows = stream.pages.rows
    span = section.span
    of_it = rows[(rows["channel"] == span.channel) & (rows["offset"] >= span.offset) & (rows["offset"] < span.end)]
    if len(of_it) <= _PAGES:
        return data[span.offset : span.end]
    ends = np.sort(of_it["offset"] + of_it["length"])
    footer = b"" if section.footer is None else data[section.footer.offset : section.footer.end]
    return data[span.offset : int(ends[_PAGES - 1])] + _EOS + footer


def _cut_multifd(data: bytes, stream: si.Stream, channel: int) -> bytes:
    """A channel with its first packets of pages, and all that bring it into line."""
    out, pages = bytearray(), 0
    for record in stream.records:
        if record.span.channel == channel:
            is_pages = isinstance(record, MultifdPacket) and bool(record.normal_pages + record.zero_pages)
            pages += is_pages
            out += b"" if is_pages and (pages > _PAGES or record.span.length > _MOST_BYTES) else _bytes(data, record)
    return bytes(out)


@cache
def large_streams() -> tuple[Files, ...]:
    """Streams of whole machines, for the few inputs that see many devices at once."""
    names = ("x86-10.0-paused", "q35-stor-10.0", "pc-2.0-7.2-paused", "s390x-s390-ccw-virtio-11.1")
    return tuple({"source": unpacked(CAPTURES / f"{name}.mig.xz")} for name in names)


@cache
def return_paths() -> tuple[Files, ...]:
    """What destinations sent back, beside a stream that says nothing."""
    main = unpacked(CAPTURES / "none-10.0.mig.xz")
    return tuple({"source": main, "return": unpacked(path)[:4096]} for path in sorted(CAPTURES.glob("*.ch0.rev.xz")))


# What the engine writes -----------------------------------------------------------------------------------------

_SCENARIOS: Final[Mapping[str, Mapping[str, Any]]] = {
    "quickstart": {"filled": 0.2},
    "xbzrle": {"filled": 0.2},
    "multifd": {"filled": 0.5},
    "multifd-zstd": {"filled": 0.5},
    "shared-memory": {},
    "none": {},
    "return-path": {},
    "uuid-mismatch": {},
    "cancel-device": {},
    "postcopy": {"ram_bytes": 256 << 10, "filled": 0.1, "link_bytes_per_s": 200_000},
    "postcopy-preempt": {"ram_bytes": 256 << 10, "filled": 0.1, "link_bytes_per_s": 200_000},
    "postcopy-recover": {"ram_bytes": 256 << 10, "filled": 0.1, "link_bytes_per_s": 200_000},
    "older-destination": {},
    "mapped-ram": {"filled": 0.1},
    "background-snapshot": {},
    "savevm": {},
    "fail-load_state": {},
    "devices": {},
}
"""Scenarios, and what keeps each small."""


@cache
def small_scenarios() -> Mapping[str, Scenario]:
    """Scenarios whose streams are small."""
    return {
        name: si.scenario(name, **({"ram_bytes": _RAM_BYTES} if si.scenarios[name].ram_bytes else {}) | changes)
        for name, changes in _SCENARIOS.items()
    }


@cache
def _recorded(name: str) -> Files:
    with TemporaryDirectory() as folder:
        capture = si.run(small_scenarios()[name]).save(Path(folder) / "capture")
        files = {each.name: each.read_bytes() for each in sorted(capture.path.iterdir()) if each.is_file()}
    return files | {EVENTS: b"".join(files[EVENTS].splitlines(keepends=True)[: 4 * _LINES])}


@cache
def capture_folders() -> tuple[Files, ...]:
    """What the engine records, as files."""
    found = map(_recorded, small_scenarios())
    return tuple(files for files in found if sum(map(len, files.values())) < 8 * _MOST_BYTES)


@cache
def engine_streams() -> tuple[Files, ...]:
    """The channels of what the engine records, as they are given to ``open_stream``."""
    found = []
    for files in capture_folders():
        manifest = json.loads(files[MANIFEST])
        named = {_role(entry): files[entry["file"]] for entry in manifest["channels"]}
        if named.get("source"):
            found.append(named)
    return tuple(found)


def _role(entry: Mapping[str, Any]) -> str:
    if entry["direction"] == "return":
        return "return"
    if entry.get("resumed"):
        return f"resumed{entry['number']}"
    return f"channel{entry['number']}" if entry["number"] else "source"


@cache
def loadable() -> tuple[Files, ...]:
    """What a scenario's destination loads from a file, by the scenario's name."""
    return tuple(
        {name: files["channel0.fwd"]}
        for name in small_scenarios()
        if (files := _recorded(name)).get("channel0.fwd") and len(files["channel0.fwd"]) < 8 * _MOST_BYTES
    )


@cache
def event_files() -> tuple[Files, ...]:
    """Event lines of the engine, short and long runs."""
    return tuple({EVENTS: b"".join(files[EVENTS].splitlines(keepends=True)[:_LINES])} for files in capture_folders())


# Trace logs, descriptions, images ------------------------------------------------------------------------------


@cache
def trace_logs() -> tuple[Files, ...]:
    """Logs of QEMU's trace events, of which each end is one, with a stream where there is a small one."""
    found = []
    for path in sorted(CAPTURES.glob("*.trace.xz")):
        if path.stat().st_size < _MOST_BYTES:
            lines = unpacked(path).splitlines(keepends=True)
            side = next((part for part in (".src.trace", ".dst.trace") if part in path.name), ".trace")
            found += [{f"x{side}": b"".join(lines[start : start + _LINES])} for start in range(0, len(lines), _LINES)]
    main = unpacked(CAPTURES / "none-10.0.mig.xz")
    return (*found, *({**files, "x.mig": main} for files in found[::5]))


@cache
def descriptions() -> tuple[Files, ...]:
    """Descriptions of single devices, as a file that is given for a stream without one."""
    found = []
    for files in devices()[::2]:
        data = files["source"]
        start = data.rfind(b'{"page_size"')
        found.append({"source": data[: start - 5], "schema.json": data[start:]})
    return tuple(found)


@cache
def images() -> tuple[Files, ...]:
    """A small stream in every container."""
    plain = unpacked(CAPTURES / "none-10.0.mig.xz")
    packed = [gzip.compress(plain), bz2.compress(plain), lzma.compress(plain), zstd_module().compress(plain)]
    packed += [lzop_file(plain), libvirt_image(plain), libvirt_image(gzip.compress(plain), compressed=1)]
    packed += [unpacked(CAPTURES / "reports" / name) for name in ("none.qcow2.xz", "xemu.qcow2.xz")]
    return tuple({"source": data} for data in packed)


Make = Callable[[], tuple[Files, ...]]
