"""The shop over standard input and output: `python -m containers.conformance.shop_server CONTROL_SOCKET TOKEN`."""

from __future__ import annotations

import sys
from pathlib import Path

from containers.conformance.over_mcp import WORLD_ID, shop_registry
from containers.listening import control_half, listening_at
from containers.mcp_stdio import serve_stdio


def main() -> None:
    """Serves until the input ends."""
    registry = shop_registry()
    with listening_at(Path(sys.argv[1])) as socket:
        serve_stdio(registry, WORLD_ID, beside=control_half(registry, socket, sys.argv[2]))


if __name__ == "__main__":
    main()
