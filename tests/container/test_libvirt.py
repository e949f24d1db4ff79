"""libvirt save images: every format in either byte order, and headers that nobody may trust."""

import bz2
import gzip
import lzma
import os
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.container.compression import zstd_module
from savevm_inspect.container.libvirt import QEMU_SAVE_MAGIC, QEMU_SAVE_PARTIAL, SAVE_FORMATS
from savevm_inspect.container.source import Source
from savevm_inspect.errors import BadPayload, SavevmError, StreamError, Truncated, Unsupported

from .libvirt_image import COOKIE, STREAM, XML, image

FACTOR = int(os.environ.get("SAVEVM_FUZZ_FACTOR", "1"))
"""How many times the usual number of mutations; the long run sets it."""

PACK = {
    "raw": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstd_module().compress(data),
    "sparse": bytes,
}


def formats() -> list[str]:
    return [name for name in SAVE_FORMATS if name in PACK]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", formats())
@pytest.mark.parametrize("magic", [QEMU_SAVE_MAGIC, QEMU_SAVE_PARTIAL])
def test_every_format_in_either_byte_order(order: str, name: str, magic: bytes) -> None:
    data = image(PACK[name](STREAM), order=order, compressed=SAVE_FORMATS.index(name), magic=magic)
    partial = magic == QEMU_SAVE_PARTIAL
    with Source(data) as source:
        assert source.container == "libvirt"
        assert bytes(source.buffer[source.offset :]) == STREAM
        assert source.documents == {"domain": XML, "cookie": COOKIE}
        assert source.facts == {
            "compression": name,
            "version": 2,
            "byte_order": {"<": "little", ">": "big"}[order],
            "was_running": True,
            "partial": partial,
            "domain": "tiny",
            "domain_xml_bytes": len(XML),
            "data_offset": 92 + len(XML) + 1 + len(COOKIE) + 1 + (64 << 10),
            "packed_bytes": len(PACK[name](STREAM)),
        }
        assert bool(source.notes) == partial
        assert not source.problems
        assert source.offset == (source.facts["data_offset"] if name == "sparse" else 0)
        assert len(source.buffer) == (len(data) if name == "sparse" else len(STREAM))


@pytest.mark.parametrize("compressed", [0, 1, 77])
def test_version_1_knew_no_compression(compressed: int) -> None:
    with Source(image(version=1, compressed=compressed)) as source:
        assert source.facts["compression"] == "raw"
        assert bytes(source.buffer) == STREAM


def test_an_image_without_cookie_or_padding() -> None:
    with Source(image(cookie=b"", padding=0, was_running=0)) as source:
        assert source.documents == {"domain": XML}
        assert source.facts["was_running"] is False
        assert bytes(source.buffer) == STREAM


def test_entities_are_text() -> None:
    laughs = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))
    xml = f'<!DOCTYPE d [<!ENTITY lol0 "lol">{laughs}<!ENTITY f SYSTEM "file:///etc/passwd">]>\n'
    xml += "<domain><name>&f;&lol9;</name></domain>"
    started = time.process_time()
    with Source(image(xml=xml.encode())) as source:
        assert source.documents["domain"] == xml
        assert source.facts["domain"] == "&f;&lol9;"
    assert time.process_time() - started < 1


@pytest.mark.parametrize("xml", [b"", b"\xff\xfe", b"<name>", b"<name></name>", b"<name>" * 100_000])
def test_an_xml_that_is_none(xml: bytes) -> None:
    with Source(image(xml=xml)) as source:
        assert source.documents["domain"].encode("utf-8", "surrogateescape") == xml
        assert "domain" not in source.facts


def test_a_text_that_never_ends_is_not_read_whole() -> None:
    data = image(xml=b"x" * (17 << 20))
    with pytest.raises(BadPayload, match="domain XML is longer than 16777216 bytes"):
        Source(data)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"data_len": 0}, BadPayload, "0x14: .* no bytes"),
        ({"data_len": 0xFFFFFFFF}, Truncated, "0x14: .* puts 4294967295 bytes before the stream"),
        ({"cookie_offset": 0xFFFFFFFF}, BadPayload, "0x20: .* cookie at 4294967295"),
        ({"compressed": 7}, Unsupported, "0x1c: libvirt save format 7 is not known"),
        ({"version": 3}, Unsupported, "0x10: .* version bytes 03000000, expected 1 or 2"),
        ({"version": 0}, Unsupported, "0x10: .* version bytes 00000000, expected 1 or 2"),
    ],
)
def test_headers_that_can_not_be(changes: dict[str, int], kind: type[StreamError], message: str) -> None:
    with pytest.raises(kind, match=message):
        Source(image(**changes))


def test_a_header_cut_at_every_prefix() -> None:
    data = image(padding=16)
    end = len(data) - len(STREAM)
    for length in range(len(QEMU_SAVE_MAGIC), end):
        with pytest.raises(Truncated, match=r"^0x1[04]: the libvirt header"):
            Source(data[:length], strict=False)
    for length in range(end, len(data), 97):
        with Source(data[:length]) as source:
            assert bytes(source.buffer) == STREAM[: length - end]


@pytest.mark.parametrize("name", [name for name in formats() if name not in {"raw", "sparse"}])
def test_a_partial_image_is_read_as_far_as_it_goes(name: str) -> None:
    packed = PACK[name](STREAM)
    data = image(packed, magic=QEMU_SAVE_PARTIAL, compressed=SAVE_FORMATS.index(name))[: -len(packed) // 4]
    with pytest.raises(Truncated, match=f"the {name} data is cut"):
        Source(data)
    with Source(data, strict=False) as source:
        assert STREAM.startswith(bytes(source.buffer))
        assert len(source.problems) == 1
        assert source.notes == ("libvirt did not finish this image: it is marked as partial",)


@settings(max_examples=300 * FACTOR)
@given(
    header=st.binary(min_size=76, max_size=76)
    | st.tuples(*(st.sampled_from([0, 1, 2, 3, 40, 92, 0x7FFFFFFF, 0xFFFFFFFF]) for _ in range(5))).map(
        lambda numbers: struct.pack("<5I56x", *numbers)
    ),
    rest=st.binary(max_size=300),
)
def test_any_header_ends_in_bytes_or_one_line(header: bytes, rest: bytes) -> None:
    try:
        with Source(QEMU_SAVE_MAGIC + header + rest, strict=False) as source:
            assert len(source.buffer) <= 92 + len(rest) or source.facts["compression"] != "raw"
            assert all("\n" not in str(problem) for problem in source.problems)
    except SavevmError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
