"""Where an agent's calls go: a box of tools, in this process or behind a server."""

from __future__ import annotations

from typing import Any, Protocol

from containers.environment import Environment
from containers.episodes.turns import Listing


class ToolBox(Protocol):
    """The tools of one environment."""

    async def list_tools(self) -> Listing:
        """Name, description and inputSchema of every tool."""

    async def call_tool(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The JSON that the agent sees: a result, or an error with its message."""


class InProcess:
    """The tools of an environment of this process."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    async def list_tools(self) -> Listing:
        """Name, description and inputSchema of every tool."""
        return tuple(self.environment.list_tools())

    async def call_tool(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The JSON that the agent sees."""
        return self.environment.call_tool(tool, arguments).payload()
