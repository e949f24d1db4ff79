"""How the bytes get from one machine to the other."""

from enum import StrEnum


class Transport(StrEnum):
    """What lies between source and destination."""

    LIVE = "live"
    FILE = "file"
    SNAPSHOT = "snapshot"
