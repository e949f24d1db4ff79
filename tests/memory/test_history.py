"""The history of RAM on real streams: every byte is some page's or counted as another's, and iterations are sound."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import savevm_inspect as si
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.memory.history import History
from savevm_inspect.memory.iterations import IterationsFrom, infer_iterations
from savevm_inspect.payload.page_log import PageKind
from savevm_inspect.payload.ram import RamWriter
from savevm_inspect.reader.stream import Stream
from savevm_inspect.stream.records import Interrupted, MultifdInitial, MultifdPacket, PageRun, Section
from savevm_inspect.stream.writer import Writer
from savevm_inspect.wire import MigCmd

Options = Callable[[str], dict[str, Any]]

KINDS = [
    "ppc64-pseries-11.1",
    "s-11.1-postcopy-preempt",
    "s-7.2-multifd-zstd",
    "s390x-s390-ccw-virtio-11.1",
    "t-10.0-live",
    "t-10.0-postcopy",
    "t-11.1-multifd",
    "t-11.1-xbzrle",
    "t-7.2-compress-xbzrle",
    "t-7.2-libvirt-gzip",
    "trace-pc-10.0-postcopy-recover",
    "x86-10.0-fileoff",
    "x86-10.0-ignoreshared",
    "x86-7.2-bgsnap",
]


def around_pages(stream: Stream) -> int:
    """The bytes of RAM that are no page's, added up from the format."""
    total = 0
    for record in stream.records:
        if isinstance(record, Section) and record.idstr == "ram":
            total += record.span.length - record.payload.length
            total += 8  # EOS
        elif isinstance(record, MultifdInitial):
            total += 64
        elif isinstance(record, MultifdPacket):
            total += 320 + 8 * ((512 << 10) // stream.page_size - record.normal_pages - record.zero_pages)
        elif isinstance(record, Interrupted):
            total += 5 + 8 + record.lost.length  # a PART that broke within a page, after its word
        elif isinstance(record, PageRun):
            total += 8 * (bytes(stream.buffers[record.span.channel][-8:]) == bytes(7) + b"\x10")
    out = bytearray()
    RamWriter(Writer(out.extend)).put_block_list(list(stream.blocks))
    ram = stream._payloads.ram
    assert ram is not None
    return total + len(out) + 8 * ram.flushes


@pytest.mark.parametrize("name", KINDS)
def test_every_byte_is_a_pages_or_of_what_is_around_them(name: str, capture_options: Options) -> None:
    with si.open_stream(**capture_options(name)) as stream:
        history = stream.history
        assert history.other_bytes == around_pages(stream)
        assert sum(each.page_bytes for each in history.iterations()) == history.ram_bytes - history.other_bytes
        assert sum(each.sent_pages for each in history.iterations()) == len(stream.pages)
        assert sum(each.wasted_bytes for each in history.iterations()) == history.wasted_bytes
        normal = stream.pages.rows["kind"] == PageKind.NORMAL
        packed = stream.pages.rows["channel"] >= 0x80
        assert (history.cost_bytes[normal & ~packed] >= stream.page_size + 8).all()


def test_iterations_follow_the_bitmap(capture_options: Options) -> None:
    with si.open_stream(**capture_options("t-10.0-live")) as stream:
        history = stream.history
        assert history.iterations_from is IterationsFrom.INFERRED
        iterations = history.iterations()
        assert [each.sent_pages for each in iterations] == [6223, 1312, 768, 1152, 1280]
        assert iterations[0].sent_pages == len(np.unique(stream.pages.rows[["block", "addr"]])) - 51
        for number in range(1, 6):
            sent = stream.pages.rows[history.iteration == number]
            assert len(np.unique(sent[["block", "addr"]])) == len(sent), "no page twice in an iteration"
        assert not any(each.postcopy for each in iterations)
        assert iterations[-1].overwritten_pages == 0
        # Each page's last sending is needed, all before it are not: nothing is xbzrle here.
        distinct = sum(len(image.sent) for image in stream.memory.values())
        assert int((~history.overwritten).sum()) == distinct
        assert int(history.resent.sum()) == len(stream.pages) - distinct


def test_a_page_has_its_own_history(capture_options: Options) -> None:
    with si.open_stream(**capture_options("t-11.1-xbzrle")) as stream:
        history, rows = stream.history, stream.pages.rows
        counts = np.bincount((rows["addr"][rows["block"] == 0] // 4096).astype(np.int64))
        busiest = int(counts.argmax())
        sendings = history.of_page(stream.blocks[0].name, busiest * 4096 + 17)
        assert len(sendings) == counts.max() > 2
        assert (np.diff(sendings["order"].astype(np.int64)) > 0).all()
        assert (np.diff(sendings["iteration"].astype(np.int64)) > 0).all()
        assert (sendings["addr"] == busiest * 4096).all()
        assert PageKind.XBZRLE in sendings["kind"]
        base = np.flatnonzero(sendings["kind"] != PageKind.XBZRLE)[-1]
        assert sendings["overwritten"].tolist() == [number < base for number in range(len(sendings))]
        assert sendings["cost_bytes"].tolist() == history.cost_bytes[sendings["order"]].tolist()
        with pytest.raises(si.SavevmError, match="no RAM block 'pc\\.rum'"):
            history.of_page("pc.rum", 0)
        with pytest.raises(si.SavevmError, match="0x1800000 lies outside"):
            history.of_page("pc.ram", 24 << 20)


def test_postcopy_is_an_iteration_of_its_own(capture_options: Options) -> None:
    for name in ("t-10.0-postcopy", "s-11.1-postcopy-preempt", "trace-pc-10.0-postcopy-recover"):
        with si.open_stream(**capture_options(name)) as stream:
            history = stream.history
            assert [each.postcopy for each in history.iterations()][-2:] == [False, True]
            run = next(each for each in stream.commands if each.command is MigCmd.MIG_CMD_POSTCOPY_RUN)
            rows = stream.pages.rows
            late = (rows["channel"] > 0) | (rows["offset"] > run.span.offset)
            assert (late == history.postcopy).all()
            assert (history.iteration[late] == history.iteration.max()).all()


def test_only_the_last_sending_is_in_mapped_ram(capture_options: Options) -> None:
    with si.open_stream(**capture_options("x86-10.0-mapped")) as stream:
        assert stream.history.iterations_from is IterationsFrom.UNKNOWN
        assert (stream.history.cost_bytes == stream.page_size).all()
        assert stream.history.wasted_bytes == 0
        sections = [each.span.length for each in stream.sections if each.idstr == "ram"]
        assert stream.history.ram_bytes == sum(sections)


def test_a_stream_without_ram_has_no_history(capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path("none-11.1")) as stream:
        assert stream.history.iterations() == []
        assert stream.history.other_bytes == stream.history.ram_bytes == 38 + 18


def infer(units: list[int], pages: list[int], last: int | None = None, **stated: int) -> list[int]:
    before: list[int] = []
    for number, page in enumerate(pages):
        earlier = [place for place in range(number) if pages[place] == page]
        before.append(earlier[-1] if earlier else -1)
    postcopy = np.zeros(len(units), np.bool_)
    known = {int(name[1:]): number for name, number in stated.items()}
    return infer_iterations(np.array(units), np.array(before), postcopy, last, known).tolist()


def test_iterations_are_the_fewest_that_explain_the_stream() -> None:
    assert infer([1, 1, 2, 2], [0, 1, 2, 3]) == [1, 1, 1, 1]
    assert infer([1, 1, 2, 3, 3], [0, 1, 2, 0, 3]) == [1, 1, 1, 2, 2]
    assert infer([1, 2, 3, 4, 5], [0, 0, 1, 0, 1]) == [1, 2, 2, 3, 3]
    assert infer([1, 1, 2], [0, 0, 1]) == [1, 1, 1], "what is twice in a section tells of no synchronisation"
    assert infer([1, 2, 3], [0, 1, 2], last=3) == [1, 1, 2]
    assert infer([1, 2, 3], [0, 1, 2], last=3, u1=1, u2=3, u3=7) == [1, 3, 7]


@pytest.mark.parametrize("scenario", ["quickstart", "xbzrle", "multifd-zstd", "postcopy-preempt", "postcopy-recover"])
def test_events_state_the_iterations(scenario: str, tmp_path: Path) -> None:
    record_scenario(scenario, tmp_path / "capture")
    with si.open_stream(tmp_path / "capture") as stream:
        history = stream.history
        assert history.other_bytes == around_pages(stream)
        # A multifd packet does not name its section, so what is known of sections does not help.
        assert history.iterations_from is (
            IterationsFrom.INFERRED if scenario == "multifd-zstd" else IterationsFrom.EVENTS
        )
        inferred = History(stream.pages, stream.buffers, stream.records)
        assert inferred.iterations_from is IterationsFrom.INFERRED
        assert (inferred.iteration <= history.iteration).all(), "no iteration is made up"
        assert len(inferred.iterations()) > 1
