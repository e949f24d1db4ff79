"""What a recording of a real QEMU decodes to, held against the stopped source."""

import re

import pytest

import savevm_inspect as si

KIB, MIB = 1 << 10, 1 << 20


@pytest.mark.qemu
def test_decoded_memory_is_what_pmemsave_saw(recorded_pc) -> None:  # type: ignore[no-untyped-def]
    with si.open_stream(recorded_pc.path) as stream:
        assert stream.complete
        assert stream.account.opaque_bytes == 0
        decoded = stream.memory["pc.ram"].read()
    truth = recorded_pc.memory
    assert len(decoded) == len(truth)
    # Between 640 KiB and 1 MiB, pmemsave sees video memory and ROMs that lie over RAM.
    assert decoded[: 640 * KIB] == truth[: 640 * KIB]
    assert decoded[MIB:] == truth[MIB:]
    assert any(decoded[MIB:]), "the guest wrote nothing"


@pytest.mark.qemu
def test_decoded_registers_are_those_of_the_monitor(recorded_pc) -> None:  # type: ignore[no-untyped-def]
    said = dict(
        re.findall(r"\b([A-Z]{3}|CR[0-4]) ?=([0-9a-f]{8})\b", (recorded_pc.path / "registers.txt").read_text())
    )
    with si.open_stream(recorded_pc.path) as stream:
        cpu = stream["cpu"]
        regs = cpu.field("env.regs").value
        assert isinstance(regs, tuple)
        order = ("EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI")
        assert [int(said[name], 16) for name in order] == [value & 0xFFFFFFFF for value in regs[:8]]
        assert cpu.field("env.eip").value == int(said["EIP"], 16)
        assert cpu.field("env.cr[0]").value == int(said["CR0"], 16)
