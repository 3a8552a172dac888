"""From a world, a task and a policy's name to a judged trajectory."""

from __future__ import annotations

import difflib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from artifacts.agent_task import AgentTask
from artifacts.errors import UnknownName
from artifacts.trajectory import FormName, Trajectory
from artifacts.world import World
from containers.environment import Blueprint, Environment
from containers.episodes.episode import FORMS, MOST_TURNS, Policy, Told, play
from containers.episodes.policies import SCRIPTED, scripted_policy
from containers.episodes.rescoring import judge
from containers.episodes.toolbox import InProcess, ToolBox
from tasks.agent.endpoint import Endpoint, Notice


@asynccontextmanager
async def policy_named(
    name: str,
    form: FormName,
    task: AgentTask,
    seed: int | None = None,
    *,
    api_base: str | None = None,
    notice: Notice = lambda line: None,
) -> AsyncIterator[Policy]:
    """The policy of that name for a task; raises UnknownName, InvalidInput and ModelRejected before anything is sent."""
    if name in SCRIPTED:
        yield scripted_policy(name, FORMS[form], task, seed or 0)
        return
    expect_model(name, api_base)
    endpoint = Endpoint(name, FORMS[form], api_base, seed=seed, notice=notice)
    try:
        yield endpoint
    finally:
        await endpoint.close()


def expect_model(name: str, api_base: str | None) -> None:
    """Refuses what is no policy and no model of an endpoint; raises UnknownName."""
    at_home = bool(api_base or os.environ.get("OPENAI_BASE_URL"))
    if not name.strip() or name.startswith("worldloom/") or not (at_home or name.startswith("openai/")):
        near = difflib.get_close_matches(name, SCRIPTED, n=1, cutoff=0.6)
        hint = f"Did you mean {near[0]}?" if near else "Use reference, idle, random, openai/NAME, or any name with --api-base."
        raise UnknownName(f"There is no policy or model {name[:100]!r}.", hint)


async def play_task(
    world: World,
    task: AgentTask,
    policy: Policy,
    tools: ToolBox,
    *,
    form: FormName = "awm",
    max_turns: int = MOST_TURNS,
    window: int | None = None,
    told: Told = lambda message: None,
) -> Trajectory:
    """Plays and judges one episode; raises what the policy and the tools raise, and then there is no record."""
    episode = await play(policy, FORMS[form], tools, task.instruction, max_turns=max_turns, window=window, told=told)
    judged = judge(Blueprint.of(world), task, episode, form)
    return Trajectory(
        world_id=world.id,
        world_digest=world.digest,
        task_id=task.id,
        policy=policy.name,
        form=form,
        seed=policy.seed,
        max_turns=max_turns,
        messages=episode.messages,
        calls=episode.calls,
        ended=episode.ended,
        answer=episode.answer,
        score=judged.score,
        input_tokens=episode.input_tokens,
        output_tokens=episode.output_tokens,
        window=window,
    )


@asynccontextmanager
async def tools_in_process(world: World) -> AsyncIterator[ToolBox]:
    """The tools of a fresh environment of this process."""
    with Environment.fork(Blueprint.of(world)) as environment:
        yield InProcess(environment)
