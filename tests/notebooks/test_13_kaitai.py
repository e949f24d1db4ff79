"""The notebook about the format runs headless, and its claims hold; its page needs no network."""

import re
from pathlib import Path

import pytest

from savevm_inspect.widgets.publish import publish

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "13_kaitai.ipynb"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The notebook as a page; a claim that does not hold fails it."""
    return publish(NOTEBOOK, tmp_path_factory.mktemp("published") / "kaitai.html").read_text(encoding="utf-8")


def test_every_step_of_the_format_is_drawn(published: str) -> None:
    drawn = re.findall(r"<svg[^>]*-1 -1[^>]*>.*?</svg>", published, flags=re.DOTALL)
    assert len(drawn) == 3
    assert "section_footer" in drawn[1]
    assert "block_name" in drawn[2]


def test_both_trees_are_shown(published: str) -> None:
    assert "A still picture of the explorer" in published
    assert "as Kaitai reads it" in published
    assert re.search(r">\s*lcr<", published)


def test_the_page_asks_nobody(published: str) -> None:
    fetched = re.findall(r'<(?:script|img|iframe|link)[^>]+(?:src|href)="([^"]+)"', published)
    assert [each for each in fetched if not each.startswith("data:")] == []
    assert not re.search(r"url\(['\"]?https?:", published)
