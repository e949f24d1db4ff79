"""``inactive``: a device that has every callback of a live migration and takes part in none.

``is_active`` says no each time, as dirty bitmaps do without the capability. What comes all the same is what nobody
asks before: the two cleanups.
"""

from typing import Final, NoReturn

from ..machine.handlers import SaveVMHandlers
from ..machine.machine import Machine

IDSTR: Final = "inactive"


class Inactive:
    """Lets itself be cleaned up, and refuses all else."""

    @classmethod
    def attach(cls, machine: Machine) -> "Inactive":
        """Build it into a machine and register it."""
        device = cls()
        refused = dict.fromkeys(_NOT_CALLED, cls.refuse)
        ops = SaveVMHandlers(
            is_active=cls.is_active, save_cleanup=cls.save_cleanup, load_cleanup=cls.load_cleanup, **refused
        )
        machine.registry.register_savevm_live(IDSTR, 0, 1, ops, device)
        return device

    def is_active(self) -> bool:
        """It does not take part."""
        return False

    def save_cleanup(self) -> None:
        """There is nothing to give up; this is called whoever takes part."""

    def load_cleanup(self) -> int:
        """The same on the other side."""
        return 0

    def refuse(self, *_args: object) -> NoReturn:
        """What it is never asked for, as it is inactive.

        Raises:
            AssertionError: always.
        """
        raise AssertionError("an inactive device is called")


_NOT_CALLED: Final = (
    "save_prepare",
    "save_setup",
    "save_live_iterate",
    "save_complete",
    "save_postcopy_prepare",
    "state_pending_estimate",
    "state_pending_exact",
    "is_active_iterate",
    "resume_prepare",
    "load_setup",
)
"""What comes after the question whether it takes part (migration/savevm.c)."""
