"""A sweep is the runs it is made of, as a table that every library takes."""

from typing import Any

import pandas as pd
import pytest

import savevm_inspect as si

SMALL = si.scenario("quickstart", ram_bytes=32 << 12, filled=0.5, hot_pages=8)


def test_each_row_is_the_run_with_its_values() -> None:
    table = si.sweep(SMALL, downtime_limit_ms=[1, 30], filled=[0.0, 0.5], capabilities=[(), ["xbzrle"]])
    frame = pd.DataFrame.from_arrow(table)
    assert len(frame) == table.expected_rows == 8
    assert list(frame.columns[:3]) == ["downtime_limit_ms", "filled", "capabilities"]
    for _, row in frame.iterrows():
        capabilities = [row["capabilities"]] if row["capabilities"] else []
        changes: dict[str, Any] = {"downtime_limit_ms": int(row["downtime_limit_ms"]), "filled": row["filled"]}
        run = si.run(SMALL, **changes, capabilities=capabilities)
        assert row["outcome"] == run.outcome
        assert (row["total_us"], row["downtime_us"], row["gap_us"]) == (run.total_us, run.downtime_us, run.gap_us)
        assert (row["rounds"], row["sent_bytes"]) == (run.rounds, run.sent_bytes)
        assert row["normal_pages"] == run.source.stats.normal_pages
    assert "quickstart by downtime_limit_ms, filled, capabilities: 8 rows" in repr(table)


def test_what_does_not_converge_is_a_row() -> None:
    rows = si.sweep(si.scenario("never-converges", script=(), time_limit_us=900_000), writes_per_s=[0, 50_000])
    first, last = rows.to_numpy()
    assert (first["outcome"], last["outcome"]) == ("completed", "not-converged")
    assert last["gap_us"] is None
    assert "does not converge" in last["error"]


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ({}, "needs the name"),
        ({"hot_pages": 7}, "as a list"),
        ({"transport": "live"}, "as a list"),
        ({"hot_pages": []}, "no values"),
        ({"hot_pges": [7]}, "did you mean hot_pages"),
        ({"hot_pages": [1, -1]}, "at least 0"),
    ],
)
def test_a_sweep_of_nothing_or_of_what_is_invalid_is_refused(axis: dict[str, Any], said: str) -> None:
    with pytest.raises(si.SavevmError, match=said):
        si.sweep(SMALL, **axis)
