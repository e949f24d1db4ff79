"""Maps of memory hold what the pages say, whatever the block's length."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import savevm_inspect as si
from savevm_inspect.errors import NotFound
from savevm_inspect.memory import content
from savevm_inspect.memory.content import ContentClass, classify, classify_final, classify_sendings
from savevm_inspect.payload.ram import RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.reader.stream import Stream
from savevm_inspect.stream import writer as put
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer
from savevm_inspect.views import ram_maps
from savevm_inspect.views.ram import CLASS_KEYS, ram_stats
from savevm_inspect.views.ram_maps import entropy_map, sent_map
from savevm_inspect.views.series import times_sent


@pytest.mark.parametrize("ask", [sent_map, times_sent, entropy_map])
def test_a_block_that_is_not_there_is_named(
    capture_path: Callable[[str], Path], ask: Callable[[Stream, str], object]
) -> None:
    with si.open_stream(capture_path("x86-10.0-live")) as stream, pytest.raises(NotFound, match="'nope'"):
        ask(stream, "nope")


@pytest.mark.parametrize("limit", [128 * 128, 1024])
def test_a_map_counts_what_was_sent(
    limit: int, capture_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ram_maps, "CELLS_LIMIT", limit)
    with si.open_stream(capture_path("x86-10.0-live")) as stream:
        times, found = times_sent(stream, "pc.ram"), sent_map(stream, "pc.ram")
        assert found.values.size <= max(limit, 128)
        assert found.cell_pages == max(4096 // limit, 1)
        cells = found.values.ravel()
        for cell in range(0, len(times), 97):
            pages = times[cell // found.cell_pages * found.cell_pages :][: found.cell_pages]
            assert cells[cell // found.cell_pages] == pages.max()
        assert found.addrs()[1, 0] == 128 * found.cell_bytes


def test_a_map_of_entropy_is_that_of_the_final_pages(capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path("x86-10.0-live")) as stream:
        image = stream.memory["pc.bios"]
        entropy = classify_final(image).entropy
        found = entropy_map(stream, "pc.bios").values.ravel()
        assert np.allclose(found[: len(entropy)], entropy)
        assert np.isnan(found[len(entropy) :]).all()
        with pytest.raises(si.SavevmError, match="no RAM block 'x'"):
            sent_map(stream, "x")


def test_a_block_may_claim_any_length() -> None:
    out = bytearray()
    f = Writer(out.extend)
    put.put_file_header(f)
    put.put_configuration(f, "pc", page_bits=12)
    head = SectionHead(section_id=2, idstr="ram", instance_id=0, version_id=4, kind=SectionKind.START)
    put.put_section_header(f, head)
    ram = RamWriter(f)
    ram.put_block_list([RamBlock("huge", 1 << 60)])
    ram.put_page("huge", (1 << 60) - 4096, bytes(range(256)) * 16)
    ram.put_eos()
    put.put_section_footer(f, 2)
    put.put_eof(f)
    with si.open_stream(bytes(out)) as stream:
        assert sent_map(stream, "huge").values.sum() == 1
        assert np.nansum(entropy_map(stream, "huge").values) == pytest.approx(8, abs=0.1)
        facts = ram_stats(stream)
        assert facts["blocks"][0]["classes"]["random_pages"] == 1


def test_stats_add_up(capture_options: Callable[[str], dict[str, Any]]) -> None:
    for name in ("t-10.0-live", "t-11.1-xbzrle", "x86-10.0-mapped", "t-10.0-postcopy", "none-11.1"):
        with si.open_stream(**capture_options(name)) as stream:
            facts = ram_stats(stream)
            for rows in (facts["blocks"], facts["iterations"]):
                for key in ("sent_pages", "zero_pages", "normal_pages", "xbzrle_pages", "sent_again_pages"):
                    assert sum(row[key] for row in rows) == facts[key]
                assert sum(row["page_bytes"] for row in rows) == facts["page_bytes"]
                assert sum(row["wasted_bytes"] for row in rows) == facts["wasted_bytes"]
            assert facts["page_bytes"] + facts["other_bytes"] == facts["ram_bytes"]
            for row in facts["iterations"]:
                assert tuple(row["classes"]) == CLASS_KEYS
                assert sum(row["classes"].values()) == row["sent_pages"]
                assert row["classes"]["difference_pages"] == row["xbzrle_pages"]
            for row in facts["blocks"]:
                assert sum(row["classes"].values()) == len(stream.memory[row["name"]].sent)


def test_a_page_is_of_the_class_that_it_looks_like() -> None:
    rng = np.random.default_rng(7)
    code = b"".join(
        bytes((0x48, 0x8B, 0x45, n % 256, 0xE8, n * 7 % 256, n * 3 % 251, 0, 0, 0x89)) for n in range(410)
    )
    pages = {
        ContentClass.ZERO: bytes(4096),
        ContentClass.REPEATED: b"\x00\x01\x02\x03\x04\x05\x06\x07" * 512,
        ContentClass.SPARSE: b"\x01\x02" + bytes(4094),
        ContentClass.TEXT: (b"Linux version 6.1, a page of text with its spaces.\n" * 81)[:4000] + bytes(96),
        ContentClass.RANDOM: rng.bytes(4096),
        ContentClass.STRUCTURED: code[:4096],
    }
    found = classify(np.frombuffer(b"".join(pages.values()), np.uint8).reshape(-1, 4096))
    assert [ContentClass(each) for each in found.classes] == list(pages)
    assert found.entropy[0] == 0
    assert found.entropy[1] == pytest.approx(3, abs=0.01)
    assert found.entropy[4] > 7.9


def test_what_is_known_of_sendings_need_not_be_read(capture_options: Callable[[str], dict[str, Any]]) -> None:
    for name in ("t-11.1-xbzrle", "t-7.2-compress-xbzrle"):
        with si.open_stream(**capture_options(name)) as stream:
            contents = classify_sendings(stream.pages, stream.buffers)
            for index, image in enumerate(stream.memory.values()):
                _, final = stream.pages.final.between(index, 0, image.num_pages)
                known, read = classify_final(image, contents.of(final)), classify_final(image)
                assert known.classes.tolist() == read.classes.tolist()
                assert known.entropy.tolist() == read.entropy.tolist()


def test_the_compiled_count_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    pages = np.random.default_rng(3).integers(0, 200, (40, 1024), dtype=np.uint8) & 0xF3
    plain = classify(pages)
    monkeypatch.setattr(content, "_COMPILED_FROM_BYTES", 40 * 1024)
    count_bytes = content.count_bytes_for(40, 1024)
    assert count_bytes.__module__.endswith("content_compiled")
    assert content.count_bytes_for(39, 1024) is content._histograms
    compiled = classify(pages, count_bytes)
    assert compiled.classes.tolist() == plain.classes.tolist()
    assert compiled.entropy.tolist() == plain.entropy.tolist()
    monkeypatch.setitem(sys.modules, "savevm_inspect.memory.content_compiled", None)
    assert content.count_bytes_for(40, 1024) is content._histograms, "without numba it works, too"
