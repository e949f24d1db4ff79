"""Lists the types that a field of a description can have: every ``VMStateInfo`` in a checkout of QEMU.

python tests/vmstate/upstream_types.py CHECKOUT > tests/vmstate/upstream_types.json
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_DEFINITION = re.compile(r"VMStateInfo\s*(?:(?P<symbol>\w+)\s*=|\))\s*\{(?P<members>[^}]*)\}")
_NAME = re.compile(r'\.name\s*=\s*"(?P<name>[^"]*)"')


def types_of(checkout: Path) -> Iterator[dict[str, str]]:
    """Each definition, in order of its file: the file, the variable (empty for a literal) and the type's name."""
    for path in sorted(checkout.rglob("*.[ch]")):
        for definition in _DEFINITION.finditer(path.read_text(errors="replace")):
            name = _NAME.search(definition["members"])
            if name:
                file = path.relative_to(checkout).as_posix()
                yield {"file": file, "symbol": definition["symbol"] or "", "type": name["name"]}


if __name__ == "__main__":
    checkout = Path(sys.argv[1])
    version = (checkout / "VERSION").read_text().strip()
    print(json.dumps({"qemu": version, "types": list(types_of(checkout))}, indent=1))
