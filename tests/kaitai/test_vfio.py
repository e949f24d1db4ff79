"""VFIO sections, read twice: those of the engine, and configurations that look like their own end."""

from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.errors import SavevmError
from savevm_inspect.kaitai import compare, parse
from savevm_inspect.wire import VfioMigFlag

HEADER = b"QEVM" + pack(">I", 3) + b"\7" + pack(">I", 4) + b"none"
NAME = b"0000:00:05.0/vfio"
END = VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE.to_bytes(8)
DATA = VfioMigFlag.VFIO_MIG_FLAG_DEV_DATA_STATE.to_bytes(8)
CONFIG = VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_STATE.to_bytes(8)


def section(kind: int, payload: bytes, number: int = 7) -> bytes:
    name = bytes((len(NAME),)) + NAME + pack(">II", number, 1) if kind in (1, 4) else b""
    return bytes((kind,)) + pack(">I", number) + name + payload + b"\x7e" + pack(">I", number)


def stream_of(*sections: bytes) -> bytes:
    return HEADER + b"".join(sections) + b"\0"


@pytest.mark.parametrize("name", ["vfio", "vfio-multifd", "devices"])
def test_both_readings_of_what_the_engine_writes_agree(name: str, tmp_path: Path) -> None:
    with si.open_stream(record_scenario(name, tmp_path / name)) as stream:
        ours = sum(len(list(stream.decode(section))) for section in stream["0000:00:05.0/vfio"].sections)
        assert compare(stream)["fields"] >= ours > 10


LIKE_AN_END = st.lists(st.sampled_from([END[:1], END[:4], END[:7], END[1:], b"\0", b"ab"]), max_size=12).map(b"".join)


@given(LIKE_AN_END.filter(lambda config: (config + END).index(END) == len(config)))
def test_both_readings_find_the_end_of_a_configuration(config: bytes) -> None:
    data = stream_of(
        section(1, DATA + pack(">Q", 2) + b"xy" + END),
        section(3, CONFIG + config + END + DATA + pack(">Q", 0) + END),
        section(4, CONFIG + config + END),
    )
    with si.open_stream(data) as stream:
        assert compare(stream)["fields"] == 4 + 5 + 2 + 2 * bool(config)


@given(st.data())
def test_what_we_refuse_kaitai_refuses(drawn: st.DataObject) -> None:
    payload = bytearray(DATA + pack(">Q", 3) + b"abc" + CONFIG + b"\0c\xff" + END + END)
    payload[drawn.draw(st.integers(0, len(payload) - 1))] ^= drawn.draw(st.integers(1, 255))
    data = stream_of(section(1, bytes(payload)), section(4, END))
    try:
        stream = si.open_stream(data)
    except SavevmError:
        with pytest.raises(SavevmError):
            parse(data)
    else:
        with stream:
            compare(stream)


def test_many_devices_may_be_passed_through() -> None:
    numbers = range(1, 33)
    data = stream_of(
        *(section(1, END, number) for number in numbers), *(section(3, END, number) for number in numbers)
    )
    with si.open_stream(data) as stream:
        assert compare(stream)["sections"] == 64
