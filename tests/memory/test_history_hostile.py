"""Whatever a stream says: history, statistics and tables of what could be read, or one error."""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.views.ram import ram_stats
from savevm_inspect.views.ram_maps import sent_map
from savevm_inspect.views.tables import tables

MUTATIONS = {
    "t-7.2-compress-xbzrle": 12,
    "t-11.1-multifd": 8,
    "s-7.2-multifd-zstd": 10,
    "s-11.1-postcopy-preempt": 15,
    "trace-pc-10.0-postcopy-recover": 8,
    "x86-10.0-mapped": 8,
}
FACTOR = int(os.environ.get("SAVEVM_FUZZ_FACTOR", "1"))


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutations_end_in_a_history_or_an_error(name: str, capture_options: Callable[[str], dict[str, Any]]) -> None:
    options = capture_options(name)
    del options["return_path"]
    inputs = [options.pop("source"), *options.pop("channels"), *options.pop("resumed")]
    further = len(capture_options(name)["channels"])
    originals = [path.read_bytes() for path in inputs]
    chance = random.Random(name)
    read, messages = 0, list[str]()
    for _ in range(MUTATIONS[name] * FACTOR):
        mutated = list(originals)
        for _ in range(chance.choice((1, 1, 4))):
            which = chance.randrange(len(mutated))
            data = bytearray(mutated[which])
            place = chance.choice((chance.randrange(len(data)), chance.randrange(min(2000, len(data)))))
            data[place] = chance.choice((0, 0xFF, 0x20, chance.randrange(256)))
            if chance.random() < 0.2:
                del data[place:]
            mutated[which] = bytes(data)
        try:
            with si.open_stream(
                mutated[0], channels=mutated[1 : further + 1], resumed=mutated[further + 1 :], strict=False
            ) as stream:
                read += read_pages_and_history(stream)
        except si.SavevmError as error:
            messages.append(str(error))
    assert all(len(each.splitlines()) == 1 for each in messages)
    assert read > MUTATIONS[name] * FACTOR // 3


def read_pages_and_history(stream: si.Stream) -> bool:
    history = stream.history
    assert len(history.iteration) == len(history.cost_bytes) == len(stream.pages)
    assert history.other_bytes >= 0
    assert sum(each.sent_pages for each in history.iterations()) == len(stream.pages)
    for block in stream.blocks[:2]:
        sent_map(stream, block.name)
    for batch in tables(stream).pages.batches():
        assert len(batch["order"]) == len(batch["content"])
    ram_stats(stream)
    return True
