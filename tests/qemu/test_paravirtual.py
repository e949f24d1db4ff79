"""Linux guests as libvirt starts them, saved after an I/O error: all is decoded, requests in flight, too."""

from collections.abc import Callable

import pytest

import savevm_inspect as si
from savevm_inspect.stream.values import Undecoded

from .stopped import PARAVIRTUAL_MACHINES, Stopped

pytestmark = pytest.mark.qemu


@pytest.mark.parametrize("name", PARAVIRTUAL_MACHINES)
def test_all_of_it_is_decoded(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    with si.open_stream(guest.stream) as stream:
        assert stream.complete
        opaque = [
            f"{device.idstr} {field.path} {field.type}: {field.value.why}, {field.span.length} bytes"
            for device in stream.devices
            for field in device.fields
            if isinstance(field.value, Undecoded)
        ]
        assert not opaque
        assert not stream.account.opaque_bytes
        assert stream.account.accounted_bytes == stream.size_bytes
        assert "io-error" in str(stream["globalstate"].field("runstate").value)
