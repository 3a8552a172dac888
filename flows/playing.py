"""The commands `play` and `score`: an agent tries a task, and its record is judged again."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from artifacts.agent_task import AgentTask
from artifacts.store import open_store
from artifacts.trajectory import FormName, Trajectory
from artifacts.world import World
from flows import judging, pages, transcript
from flows.boundary import FAILED, OK
from flows.judging import JudgeBaseOption, JudgeOption, VotesOption
from flows.options import JsonOption, StoreOption, print_json


def play(
    world: Annotated[str, typer.Argument(metavar="WORLD", help="A world's id, or enough of its beginning.")],
    task: Annotated[str, typer.Argument(metavar="TASK", help="An agent task of it, such as t03.")],
    *,
    model: Annotated[str, typer.Option(help="reference, idle, random, openai/NAME, or any model's name with --api-base.")],
    api_base: Annotated[str | None, typer.Option(metavar="URL", help="Where an OpenAI-compatible server of yours answers.")] = None,
    form: Annotated[FormName, typer.Option(help="How tool calls are written: as text in tags, or natively.")] = "awm",
    max_turns: Annotated[int, typer.Option(min=1, max=1000, help="The agent speaks at most so often.")] = 30,
    history: Annotated[int | None, typer.Option(min=1, max=1000, help="Show the agent so many of its last turns; all if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="For random, and for services that take one.")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="A running server's MCP address; in this process if left out.")] = None,
    judge: JudgeOption = None,
    judge_base: JudgeBaseOption = None,
    votes: VotesOption = 3,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Let an agent try a task over MCP, watch it, and keep the trajectory."""
    from tasks.agent.records import keep

    shelf = open_store(store, create=False)
    found = shelf.world(world)
    chosen = pages.task_named(found, task)
    console = Console(stderr=as_json, highlight=False)
    jury = judging.chosen(judge, judge_base, shelf)
    trajectory = asyncio.run(
        played(found, chosen, console, model=model, api_base=api_base, form=form, max_turns=max_turns, window=history, seed=seed, url=url)
    )
    trajectory = judging.with_judgement(trajectory, found, jury, votes)
    path = keep(shelf, trajectory)
    if as_json:
        print_json(transcript.play_summary(trajectory, path))
    else:
        console.print(transcript.ending(trajectory), *judging.lines(trajectory.judgement))
        console.print(f"Kept as {path}", highlight=False, soft_wrap=True, markup=False)
    return FAILED if trajectory.score.outcome == "environment_error" or judging.failed(trajectory.judgement) else OK


async def played(
    world: World,
    task: AgentTask,
    console: Console,
    *,
    model: str,
    api_base: str | None,
    form: FormName,
    max_turns: int,
    window: int | None,
    seed: int | None,
    url: str | None,
) -> Trajectory:
    """One episode over MCP, shown as it goes."""
    from tasks.agent.mcp_toolbox import tools_over_mcp
    from tasks.agent.playing import play_task, policy_named

    def notice(line: str) -> None:
        console.print(transcript.plain(line), style="yellow")

    async with policy_named(model, form, task, seed, api_base=api_base, notice=notice) as policy, tools_over_mcp(world, url) as tools:
        return await play_task(
            world,
            task,
            policy,
            tools,
            form=form,
            max_turns=max_turns,
            window=window,
            told=lambda message: transcript.told(console, message),
        )


def score(
    trajectory: Annotated[
        str, typer.Argument(metavar="TRAJECTORY", help="A file that `play` kept, or the id of one in the store or its table.")
    ],
    *,
    judge: JudgeOption = None,
    judge_base: JudgeBaseOption = None,
    votes: VotesOption = 3,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Judge a trajectory again, from its record alone: every call is done anew in a fresh environment."""
    from containers.episodes.rescoring import rescore
    from tasks.agent.records import fetch

    record, shelf = fetch(trajectory, store)
    world = shelf.world(record.world_id)
    jury = judging.chosen(judge, judge_base, shelf)
    found = rescore(record, world)
    judgement = judging.with_judgement(record, world, jury, votes).judgement if found.holds else None
    if as_json:
        print_json({**transcript.score_summary(found), "judgement": None if judgement is None else judgement.canonical()})
    else:
        Console(highlight=False).print(transcript.rescored_page(found), *judging.lines(judgement))
    return OK if found.holds and not judging.failed(judgement) else FAILED
