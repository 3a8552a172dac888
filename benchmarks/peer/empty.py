"""A server of the MCP SDK that does nothing: `python -m benchmarks.peer.empty usual|quick PORT`.

`usual` is the SDK's decorated server as its guide has it; `quick` is the lower level, answering in JSON, the least that the SDK can do.
"""

from __future__ import annotations

import sys
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server import MCPServer
from mcp.server.lowlevel import Server


def usual() -> Any:
    """The SDK's own way."""
    server = MCPServer("empty", log_level="ERROR")

    @server.tool()
    def nothing() -> dict[str, int]:
        """Do nothing."""
        return {"result": 1}

    return server.streamable_http_app()


async def _list(*_: object) -> types.ListToolsResult:
    schema = {"type": "object", "properties": {}}
    return types.ListToolsResult.model_validate({"tools": [{"name": "nothing", "description": "Do nothing.", "inputSchema": schema}]})


async def _call(*_: object) -> types.CallToolResult:
    result = {"content": [{"type": "text", "text": '{"result":1}'}], "structuredContent": {"result": 1}}
    return types.CallToolResult.model_validate(result)


def quick() -> Any:
    """As little as there can be."""
    return Server("empty", on_list_tools=_list, on_call_tool=_call).streamable_http_app(json_response=True)


def main() -> None:
    """Serve until a signal."""
    form, port = sys.argv[1:]
    uvicorn.run({"usual": usual, "quick": quick}[form](), port=int(port), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
