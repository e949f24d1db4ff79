"""The front end's logic, run by Node: what it says of any event is what the views say; its colours can be read."""

import json
import subprocess
from pathlib import Path

import pytest

from savevm_inspect.engine.front import record_scenario
from savevm_inspect.views.cards import event_card, headline
from savevm_inspect.views.moment import Playback
from savevm_inspect.views.run_columns import packed, run_columns
from savevm_inspect.views.states import state_rows
from savevm_inspect.widgets.front import MODULES, PAGE_DATA, labextension, module, page_element
from savevm_inspect.widgets.player_pages import TARGET

FRONT = Path(__file__).parents[2] / "savevm_inspect" / "widgets" / "front"
CHECK = Path(__file__).parent / "front" / "check.mjs"

MOST_BYTES = 150_000
"""Of the front end's code."""

BYTES_AN_EVENT = 20
FIXED_BYTES = 5_000
"""Of a packed run, whatever its length: what is declared of its handlers, and its texts."""


@pytest.mark.node
@pytest.mark.parametrize("name", ["quickstart", "postcopy-recover", "vfio-multifd", "fail-save_setup"])
def test_the_page_says_of_every_event_what_the_views_say(tmp_path: Path, name: str) -> None:
    playback = Playback(record_scenario(name, tmp_path / "run"))
    timeline = playback.timeline
    said = []
    for index, event in enumerate(timeline.events):
        card = event_card(timeline, index)
        found = timeline.next_phase(index)
        rows = state_rows(timeline.at(index), timeline.at(index + 1))
        said.append(
            {
                "states": [
                    [
                        row.label,
                        row.source,
                        row.destination,
                        row.source_changed and index > 0,
                        row.destination_changed and index > 0,
                    ]
                    for row in rows
                ],
                "event": [card.heading, card.subject, card.phase or "", event.time_us, card.failed],
                "headline": headline(event) + (f" (instance {event.instance_id or 0})" if event.idstr else ""),
                "rows": [row for row in card.rows if row[0] != "time"],
                "nextPhase": len(timeline) - 1 if found is None else found,
                "previousPhase": timeline.previous_phase(index) or 0,
            }
        )
    (tmp_path / "run.z").write_bytes(packed(run_columns(timeline)))
    (tmp_path / "said.json").write_text(json.dumps(said))
    playback.close()
    command = ["node", str(CHECK), str(tmp_path / "run.z"), str(tmp_path / "said.json")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[:3000]
    assert (tmp_path / "run.z").stat().st_size <= FIXED_BYTES + BYTES_AN_EVENT * len(said)


@pytest.mark.node
@pytest.mark.parametrize("name", ["colours", "outline"])
def test_what_is_computed_holds(name: str) -> None:
    """Colours can be read and distinguished; rows, scroll bar and inspector agree with what they stand for."""
    command = ["node", str(CHECK.with_name(f"{name}.mjs"))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.node
def test_the_joined_module_is_one_module(tmp_path: Path) -> None:
    (tmp_path / "front.mjs").write_text(module())
    result = subprocess.run(
        ["node", "--check", str(tmp_path / "front.mjs")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_every_file_is_joined_and_nothing_is_left_to_load() -> None:
    assert {path.name for path in FRONT.glob("*.js")} == {*MODULES, "remote.js"}
    assert "\nimport " not in module()
    assert len(module().encode()) <= MOST_BYTES
    assert "innerHTML" not in module(), "names of streams stay text"


def test_the_extension_loads_what_it_brings() -> None:
    files = labextension()
    load = json.loads(files["package.json"])["jupyterlab"]["_build"]["load"]
    (front,) = (name for name in files if name.startswith("static/front."))
    assert f'import(new URL("{Path(front).name}", here).href)' in files[load]
    assert files[front] == module()
    for said in (f'const MIME = "{PAGE_DATA}"', f'const TARGET = "{TARGET}"'):
        assert said in files[front]


def test_data_of_a_page_is_no_markup() -> None:
    drawn = page_element({"run": "</script><img src=x>"})
    assert drawn.count("<") == 4
