"""What a fault may be."""

from dataclasses import replace
from typing import Any

import pytest

from savevm_inspect.engine.devices.faulty import Fault, How
from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.threads import Side

from ..faults.places import PRECOPY, RAM
from ..running import run

S = Side.SOURCE


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"handler": "save_all"}, "no callback is called 'save_all'"),
        ({"handler": "load_state", "side": S}, "load_state is not called on the source"),
        ({"handler": "save_prepare", "how": How.TOO_MUCH}, "save_prepare has no file"),
        ({"handler": "load_state", "how": How.PAST_RATE_LIMIT}, "load_state has no rate limit"),
        ({"handler": "pre_save", "how": How.HANG}, "pre_save is a hook, which can't hang"),
        ({"handler": "post_load", "side": S}, "post_load is not called on the source"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(SavevmError, match=message):
        Fault(**{"idstr": RAM, "how": How.RAISE, **fault})


def test_a_fault_of_a_callback_that_nobody_has_is_refused() -> None:
    fault = Fault(handler="save_state", idstr=RAM, how=How.RAISE)
    with pytest.raises(SavevmError, match="no device 'ram' with a save_state"):
        run(replace(PRECOPY, faults=(fault,)))
