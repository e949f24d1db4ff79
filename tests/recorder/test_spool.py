"""The pipe that QEMU migrates into."""

import asyncio
import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.recorder.spool import PipeSpool

from ..open_files import open_files


@settings(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=5000), max_size=8))
def test_every_byte_arrives_in_order(chunks: list[bytes]) -> None:
    async def spool_all() -> tuple[bytes, int]:
        file = io.BytesIO()
        with PipeSpool(file) as spool:
            for chunk in chunks:
                os.write(spool.write_fd, chunk)
                await asyncio.sleep(0)
            spool.give_away()
            await spool.finish()
            spool.check()
            return file.getvalue(), spool.written_bytes

    whole = b"".join(chunks)
    assert asyncio.run(spool_all()) == (whole, len(whole))


def test_the_end_is_that_of_the_last_writer() -> None:
    async def two_writers() -> bytes:
        file = io.BytesIO()
        with PipeSpool(file) as spool:
            second = os.dup(spool.write_fd)
            spool.give_away()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(spool.finish())), 0.05)
            os.write(second, b"late")
            os.close(second)
            await asyncio.sleep(0.05)
            spool.check()
            return file.getvalue()

    assert asyncio.run(two_writers()) == b"late"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_reported() -> None:
    async def fill() -> None:
        with Path("/dev/full").open("wb", buffering=0) as full, PipeSpool(full) as spool:
            os.write(spool.write_fd, b"x")
            await asyncio.sleep(0.05)
            with pytest.raises(OSError, match="No space left"):
                spool.check()
            with pytest.raises(OSError, match="No space left"):
                await spool.finish()

    asyncio.run(fill())


def test_leaving_early_closes_both_ends() -> None:
    async def leave() -> None:
        before = open_files()
        with PipeSpool(io.BytesIO()) as spool:
            os.write(spool.write_fd, b"x")
        assert open_files() <= before

    asyncio.run(leave())
