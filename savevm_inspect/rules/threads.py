"""The ends of a migration and the threads that work on it, by QEMU's names."""

from enum import StrEnum


class Side(StrEnum):
    """Which end of the migration."""

    SOURCE = "source"
    DESTINATION = "destination"


class Thread(StrEnum):
    """The thread that a call runs in, by QEMU's names (migration/migration.h, MIGRATION_THREAD_*)."""

    MAIN = "main"
    MIGRATION = "mig/src/main"
    RETURN_PATH = "mig/src/return"
    SNAPSHOT = "mig/snapshot"
    MULTIFD_SEND = "mig/src/send"
    MULTIFD_RECV = "mig/dst/recv"
    LISTEN = "mig/dst/listen"
    PREEMPT = "mig/dst/preempt"
    FAULT = "mig/dst/fault"
    SAVE_STATE = "mig/src/save"
    LOAD_STATE = "mig/dst/load"
