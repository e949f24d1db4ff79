"""A real Linux guest: its memory by virtual address, as its page tables, QEMU and volatility3 say."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.errors import AddressError

from .core_file import export_core
from .stopped import LINUX_MACHINES, Stopped

pytestmark = pytest.mark.qemu

LEVELS = {"Linux": 4, "Linux, five levels": 5}


def banner_of(guest: Stopped) -> tuple[int, bytes]:
    """Where the guest's kernel has its banner, and what it says, as its own init tells."""
    address = re.search(r"^([0-9a-f]{16}) \w linux_banner", guest.said, re.M)
    text = re.search(r"^Linux version .*?$", guest.said, re.M)
    assert address is not None
    assert text is not None
    return int(address[1], 16), text[0].strip().encode()


@pytest.mark.parametrize("name", LINUX_MACHINES)
def test_the_banner_lies_at_its_virtual_address(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    address, banner = banner_of(guest)
    with si.open_stream(guest.stream) as stream:
        for cpu in stream.memory.cpus:
            memory = stream.memory.virtual(cpu.number)
            assert memory.translation == f"x86 {LEVELS[name]}-level paging"
            memory.seek(address)
            assert memory.read(len(banner)) == banner
            assert list(memory.search(b"Linux version ", address - 4096, address + 4096)) == [address]
            gpa = memory.translate(address)
            assert stream.memory.physical.read_bytes(gpa, len(banner)) == banner
        with pytest.raises(AddressError, match=r"^0x0 is not mapped: the P\w+ entry at gpa 0x[0-9a-f]+ is 0x0$"):
            memory.read_bytes(0, 1)
        with pytest.raises(AddressError, match="0x8000000000000000 is no address that x86"):
            memory.read_bytes(1 << 63, 1)


PAGE = re.compile(r"^([0-9a-f]{16}): ([0-9a-f]{16}) [-A-Z]{9}$", re.M)


@pytest.mark.parametrize("name", LINUX_MACHINES)
def test_all_pages_that_qemu_finds_are_mapped_where_it_says(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    expected = [(int(address, 16), int(gpa, 16)) for address, gpa in PAGE.findall(guest.answer)]
    with si.open_stream(guest.stream) as stream:
        tables = stream.memory.virtual().tables
        assert tables is not None
        found = [(each.address, each.gpa) for each in tables.mappings(0, 1 << 64)]
    assert len(expected) > 1000
    assert found == expected


@pytest.mark.core
def test_volatility_finds_the_banner_in_the_core(stopped: Callable[[str], Stopped], tmp_path: Path) -> None:
    guest = stopped("Linux")
    core = export_core(guest.stream, tmp_path / "core")
    volatility = Path(sys.executable).with_name("vol")  # volatility3 is in the extra [dev]
    options = ["-q", "--offline", "--cache-path", tmp_path, "-f", core, "banners.Banners"]
    done = subprocess.run([volatility, *options], capture_output=True, text=True, check=True)
    address, banner = banner_of(guest)
    with si.open_stream(guest.stream) as stream:
        gpa = stream.memory.virtual().translate(address)
    assert f"{gpa:#x}\t{banner.decode()}" in done.stdout
