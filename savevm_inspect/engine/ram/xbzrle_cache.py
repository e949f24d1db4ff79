"""What was sent of pages before, so that only the difference has to be sent (migration/page_cache.c)."""

from typing import Final

_CACHED_PAGE_LIFETIME: Final = 2
"""Passes over RAM for which a page that was used is not driven out by another one."""


class XbzrleCache:
    """A cache in which each page has one slot that it shares with others.

    Args:
        size_bytes: how much it holds.
        page_size: of a page, in bytes.
    """

    def __init__(self, size_bytes: int, page_size: int) -> None:
        self._slots = max(size_bytes // page_size, 1)
        self._page_size = page_size
        self._pages: dict[int, tuple[int, bytes, int]] = {}

    def get(self, addr: int, age: int) -> bytes | None:
        """What was sent of a page last, if it is still here (cache_is_cached).

        Args:
            addr: of the page among all blocks, in bytes.
            age: number of the pass over RAM.
        """
        slot = self._slot(addr)
        kept = self._pages.get(slot)
        if kept is None or kept[0] != addr:
            return None
        self._pages[slot] = (addr, kept[1], age)
        return kept[1]

    def put(self, addr: int, content: bytes, age: int) -> bool:
        """Keep a page, unless a younger one has its slot (cache_insert); returns whether it is kept."""
        slot = self._slot(addr)
        kept = self._pages.get(slot)
        if kept is not None and kept[0] != addr and kept[2] + _CACHED_PAGE_LIFETIME > age:
            return False
        self._pages[slot] = (addr, content, age)
        return True

    def _slot(self, addr: int) -> int:
        return addr // self._page_size % self._slots
