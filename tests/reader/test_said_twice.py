"""What a stream says twice is refused, and what is not in it is not made up: no answer is silently another's."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.payload.ram import RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.rules.options import Capability
from savevm_inspect.stream import writer
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer
from savevm_inspect.wire import MigCmd

PAGE = 4096
A, B = RamBlock("a", PAGE), RamBlock("b", PAGE)


class Made:
    """A stream in the making.

    Args:
        capabilities: those that it states.
        page_bits: of its pages, if it states them.
    """

    def __init__(self, capabilities: tuple[str, ...] = (), page_bits: int | None = None) -> None:
        self.data = bytearray()
        self.f = Writer(self.data.extend)
        writer.put_file_header(self.f)
        writer.put_configuration(self.f, "test", capabilities=capabilities, page_bits=page_bits)

    @contextmanager
    def section(self, kind: SectionKind, section_id: int = 2, idstr: str = "ram", version: int = 4) -> Iterator[None]:
        head = SectionHead(section_id=section_id, idstr=idstr, instance_id=0, version_id=version, kind=kind)
        writer.put_section_header(self.f, head)
        yield
        writer.put_section_footer(self.f, section_id)

    def start_ram(self, *blocks: RamBlock, section_id: int = 2) -> None:
        with self.section(SectionKind.START, section_id):
            ram = RamWriter(self.f)
            ram.put_block_list(list(blocks))
            ram.put_eos()

    def put_page(self, block: RamBlock, fill: int, section_id: int = 2) -> None:
        with self.section(SectionKind.PART, section_id):
            ram = RamWriter(self.f)
            ram.put_page(block.name, 0, bytes((fill,)) * PAGE)
            ram.put_eos()

    def end(self) -> bytes:
        writer.put_eof(self.f)
        return bytes(self.data)


def test_a_second_block_list_under_another_section_id() -> None:
    made = Made()
    made.start_ram(A, B)
    made.put_page(A, 1)
    made.start_ram(B, A, section_id=3)
    made.put_page(A, 2, section_id=3)
    with pytest.raises(si.SavevmError, match="is started, which was started as section 2"):
        si.open_stream(made.end())
    with si.open_stream(bytes(made.data), strict=False) as stream:
        assert stream.problems
        assert set(stream.memory["b"].read()) == {0}


def test_a_second_block_list_of_another_instance() -> None:
    made = Made()
    made.start_ram(A)
    head = SectionHead(section_id=3, idstr="ram", instance_id=1, version_id=4, kind=SectionKind.START)
    writer.put_section_header(made.f, head)
    RamWriter(made.f).put_block_list([B])
    RamWriter(made.f).put_eos()
    writer.put_section_footer(made.f, 3)
    with pytest.raises(si.SavevmError, match="a second block list"):
        si.open_stream(made.end())


def test_a_section_that_is_started_twice_whatever_it_is() -> None:
    made = Made()
    for section_id in (5, 6):
        with made.section(SectionKind.START, section_id, "spapr/htab", 1):
            made.f.put_be32(20)
    with pytest.raises(si.SavevmError, match="is started, which was started as section 5"):
        si.open_stream(made.end())


def test_what_salvage_tried_and_took_back_was_no_start() -> None:
    made = Made()
    false_start = bytearray()
    writer.put_section_header(
        Writer(false_start.extend),
        SectionHead(section_id=7, idstr="ram", instance_id=0, version_id=4, kind=SectionKind.START),
    )
    made.f.put_buffer(b"\xee" + false_start)
    made.start_ram(A)
    made.put_page(A, 3)
    with si.open_stream(made.end(), strict=False) as stream:
        assert set(stream.memory["a"].read()) == {3}


def test_two_statements_of_the_page_size() -> None:
    made = Made(page_bits=12)
    writer.put_command(made.f, MigCmd.MIG_CMD_POSTCOPY_ADVISE, bytes(8) + (16384).to_bytes(8))
    made.start_ram(A)
    with pytest.raises(si.SavevmError, match="the advise states pages of 16384 bytes, the configuration 4096"):
        si.open_stream(made.end())


@pytest.mark.parametrize("name", ["a\0x", "a\0"])
def test_a_block_name_that_ends_before_its_length(name: str) -> None:
    made = Made()
    made.start_ram(RamBlock(name, PAGE))
    with pytest.raises(si.SavevmError, match="whose name ends before its length"):
        si.open_stream(made.end())


def test_bytes_of_a_block_that_was_left_out() -> None:
    made = Made((Capability.X_IGNORE_SHARED,))
    made.start_ram(RamBlock("sent", PAGE, gpa=0), RamBlock("shared", PAGE, gpa=PAGE))
    made.put_page(RamBlock("sent", PAGE), 1)
    with si.open_stream(made.end()) as stream:
        assert set(stream.memory["sent"].read()) == {1}
        shared = stream.memory["shared"]
        assert shared.ignored
        for ask in (shared.read, lambda: next(shared.search(b"\0"), None)):
            with pytest.raises(si.SavevmError, match="x-ignore-shared left out"):
                ask()


def test_two_channels_of_one_number(tmp_path: Path) -> None:
    """Also if one of them resumed the main one."""
    made = Made()
    made.start_ram(A)
    (tmp_path / "main").write_bytes(made.end())
    channels: list[dict[str, object]] = [{"number": 0, "direction": "forward", "file": "main"}]
    for name in ("x", "y"):
        (tmp_path / name).write_bytes(b"")
        channels.append({"number": 1, "direction": "forward", "file": name, "resumed": name == "y"})
    manifest = {"format": "savevm-inspect/capture", "version": 1, "made_by": "a test", "channels": channels}
    (tmp_path / "capture.json").write_text(json.dumps(manifest))
    with pytest.raises(si.SavevmError, match="two forward channels have the number 1"):
        si.open_stream(tmp_path)


@pytest.mark.parametrize("key", ["devices", "page_size"])
def test_a_description_that_says_two_things(key: str, capture_path: Callable[[str], Path]) -> None:
    data = capture_path("none-10.0").read_bytes()
    start = data.index(b'{"page_size"') if b'{"page_size"' in data else data.rindex(b"\x06", 0, data.index(b"{")) + 5
    text = data[start:].rstrip(b"\0")
    repeated = json.dumps({key: json.loads(text)[key]})[1:-1].encode()
    twice = b"{" + repeated + b", " + text[1:]
    changed = data[: start - 4] + len(twice).to_bytes(4) + twice
    with pytest.raises(si.SavevmError, match=f"{key}.* twice"):
        si.open_stream(changed)
