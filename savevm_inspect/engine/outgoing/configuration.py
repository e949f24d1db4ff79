"""What the description says about the configuration record (migration/savevm.c, vmstate_configuration)."""

from typing import Any


def describe_configuration(
    machine: str, page_bits: int | None, capabilities: tuple[str, ...], *, uuid: bool
) -> dict[str, Any]:
    """What the description says about the configuration (migration/savevm.c, vmstate_configuration).

    Args:
        machine: name of the machine type.
        page_bits: log2 of the page size, if it is stated.
        capabilities: names of those that are stated.
        uuid: whether the VM's UUID is stated.
    """
    described: dict[str, Any] = {
        "vmsd_name": "configuration",
        "version": 1,
        "fields": [
            {"name": "len", "type": "uint32", "size": 4},
            {"name": "name", "type": "buffer", "size": len(machine.encode())},
        ],
    }
    subsections = []
    if page_bits is not None:
        bits = {"name": "target_page_bits", "type": "uint32", "size": 4}
        subsections.append(_subsection("configuration/target-page-bits", bits))
    if capabilities:
        number = {"name": "caps_count", "type": "uint32", "size": 4}
        names = [{"name": "capabilities", "type": "capability", "size": 1 + len(name)} for name in capabilities]
        subsections.append(_subsection("configuration/capabilities", number, *names))
    if uuid:
        data = {"name": "uuid.data", "array_len": 16, "type": "uint8", "size": 1}
        subsections.append(_subsection("configuration/uuid", data))
    if subsections:
        described["subsections"] = subsections
    return described


def _subsection(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {"vmsd_name": name, "version": 1, "fields": list(fields)}
