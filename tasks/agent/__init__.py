"""An agent that plays a world: policies, the two forms of tool calls, the episode, and judging it again from its record."""
