"""What messages are made of."""

from savevm_inspect.errors import listed, printable


def test_a_list_of_names_has_an_end() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b"]) == "a, b"
    assert listed((str(number) for number in range(14)), most=2) == "0, 1 and 12 more"


def test_what_is_not_printable_is_escaped() -> None:
    assert printable("a\nb\x1b") == "a\\nb\\x1b"
