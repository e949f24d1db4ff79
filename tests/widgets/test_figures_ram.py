"""Figures of memory hold what the history says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

import savevm_inspect as si
from savevm_inspect.views.ram_maps import entropy_map, sent_map
from savevm_inspect.widgets import figures_ram


def test_figures_of_memory(capture_options: Callable[[str], dict[str, Any]]) -> None:
    with si.open_stream(**capture_options("t-10.0-postcopy")) as stream:
        bars = figures_ram.iterations_figure(stream)
        sent = figures_ram.sent_figure(stream, "pc.ram")
        entropy = figures_ram.entropy_figure(stream, "pc.bios")
        assert {type(each) for each in (bars, sent, entropy)} == {go.Figure}
        needed, wasted = bars.data
        assert sum(needed.y) + sum(wasted.y) == stream.history.ram_bytes - stream.history.other_bytes
        assert sum(wasted.y) == stream.history.wasted_bytes > 0
        assert list(needed.x) == ["1", "2", "3, postcopy"]
        assert np.array_equal(sent.data[0].z, sent_map(stream, "pc.ram").values, equal_nan=True)
        assert np.array_equal(entropy.data[0].z, entropy_map(stream, "pc.bios").values, equal_nan=True)
        assert sent.data[0].customdata[1][1] == f"{129 * 4096:#x}"
        with pytest.raises(si.SavevmError, match="no RAM block"):
            figures_ram.sent_figure(stream, "x")
