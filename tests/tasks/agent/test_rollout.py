"""Many episodes at once are the episodes that one would play one by one; what goes wrong costs one episode its trajectory, or masks it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from artifacts.errors import InvalidBundle, ModelRejected, WorldloomError
from artifacts.history import seen
from artifacts.trajectory import FormName, Trajectory
from artifacts.trajectory_rows import Setting
from artifacts.world import World
from containers.episodes.conversations import BatchDesk, Conversation, Rule
from containers.episodes.episode import FORMS, Reply
from containers.episodes.rescoring import rescore
from containers.episodes.rollout import Ended, Rollout, Wanted
from containers.episodes.turns import View
from containers.pool import EnvironmentPool
from tasks.agent.playing import play_task, policy_named, tools_in_process

LISTS = '<tool_call>\n{"name": "list_tools", "arguments": {}}\n</tool_call>'


def borrows(toy: int) -> str:
    return f'<tool_call>{{"name": "call_tool", "arguments": {{"tool_name": "borrow_toy", "arguments": {{"toy_id": {toy}}}}}}}</tool_call>'


class Told:
    """A policy that says what it is told to, turn by turn, and remembers what it saw."""

    def __init__(self, *lines: str | WorldloomError) -> None:
        self.lines = lines
        self.views: list[View] = []

    def reply(self, conversations: Sequence[Conversation]) -> list[Reply]:
        self.views.extend(one.view for one in conversations)
        return [self._say(one.view.turn) for one in conversations]

    def _say(self, turn: int) -> Reply:
        line = self.lines[turn]
        if isinstance(line, WorldloomError):
            raise line
        return Reply({"role": "assistant", "content": line}, 5, 2)

    def close(self) -> None:
        self.views.append(View((), (), (), -1))


@pytest.fixture
def pool() -> Iterator[EnvironmentPool]:
    with EnvironmentPool(8, workers=1) as pool:
        yield pool


def rolled(
    pool: EnvironmentPool, world: World, policy: Any, setting: Setting, *, width: int = 8, seeds: Sequence[int | None] = (None,)
) -> list[Ended]:
    """Every task of a world, once for each seed."""
    wanted = [Wanted(f"{task.id}/{seed}", world.id, task, seed) for task in world.tasks for seed in seeds]
    return list(Rollout(pool, BatchDesk(policy), setting, lambda _: world, width).play(wanted))


def trajectory(ended: Ended) -> Trajectory:
    assert ended.trajectory is not None, ended.trouble
    return ended.trajectory


def alone(world: World, name: str, form: FormName, seed: int | None, window: int | None) -> dict[str, Trajectory]:
    """The same episodes, one by one."""

    async def run() -> list[Trajectory]:
        found = []
        for task in world.tasks:
            async with policy_named(name, form, task, seed) as policy, tools_in_process(world) as tools:
                found.append(await play_task(world, task, policy, tools, form=form, max_turns=12, window=window))
        return found

    return {one.task_id: one for one in asyncio.run(run())}


@pytest.mark.parametrize("form", ["awm", "native"])
@pytest.mark.parametrize("played", [("reference", None, 2), ("idle", None, None), ("random", 3, None), ("random", 4, 1)])
def test_many_at_once_are_those_that_are_played_alone(
    pool: EnvironmentPool, woven: World, form: FormName, played: tuple[str, int | None, int | None]
) -> None:
    name, seed, window = played
    setting = Setting(name, form, None, 12, window)
    ended = rolled(pool, woven, Rule(name, FORMS[form]), setting, width=3, seeds=(seed,))
    assert {one.wanted.task.id: trajectory(one).digest for one in ended} == {
        task: one.digest for task, one in alone(woven, name, form, seed, window).items()
    }
    assert all(rescore(trajectory(one), woven).holds for one in ended)


def test_the_policy_is_shown_the_window_that_is_on_record(pool: EnvironmentPool, toys: World) -> None:
    policy = Told(LISTS, borrows(9), borrows(8), borrows(1), "Done.")
    world = toys.model_copy(update={"tasks": toys.tasks[1:]})
    (ended,) = rolled(pool, world, policy, Setting("told", "awm", None, 9, 1))
    found = trajectory(ended)
    assert [view.messages for view in policy.views] == [seen(found.messages, turn, 1) for turn in range(5)]
    assert [message["content"] for message in policy.views[4].messages if message["role"] == "assistant"] == [LISTS, borrows(1)]
    assert (found.outcome, found.window, found.input_tokens, found.output_tokens) == ("completed", 1, 25, 10)


@pytest.mark.parametrize("line", ["<tool_call>{", '<tool_call>{"name": "borrow_toy"}</tool_call>'])
def test_a_broken_form_ends_the_episode_with_minus_one(pool: EnvironmentPool, toys: World, line: str) -> None:
    found = [trajectory(one) for one in rolled(pool, toys, Told(LISTS, line), Setting("told"))]
    assert [(one.reward, one.ended, one.outcome) for one in found] == [(-1.0, "format_violation", "agent_error")] * 2
    assert all(rescore(one, toys).holds for one in found)


def test_several_calls_of_a_turn_are_made_in_their_order(pool: EnvironmentPool, toys: World) -> None:
    found = trajectory(rolled(pool, toys, Told(borrows(1) + borrows(1) + LISTS, "Done."), Setting("told"))[1])
    assert [call.observation.get("error") for call in found.calls] == [None, "not_found"]
    assert found.messages[3]["content"].count("<tool_response>") == 3
    assert rescore(found, toys).holds


def test_an_endless_loop_ends_at_the_turn_limit(pool: EnvironmentPool, toys: World) -> None:
    ended = rolled(pool, toys, Told(*[LISTS] * 4), Setting("told", "awm", None, 4))
    assert [(trajectory(one).ended, trajectory(one).turns) for one in ended] == [("turn_limit", 4)] * 2


def test_a_policy_without_an_answer_leaves_no_trajectory(pool: EnvironmentPool, toys: World) -> None:
    ended = rolled(pool, toys, Told(LISTS, ModelRejected("too long", "")), Setting("told"))
    assert [(one.trajectory, str(one.trouble)) for one in ended] == [(None, "too long")] * 2
    assert pool.tally().open == 0


def test_a_world_that_cannot_be_used_costs_its_own_episodes(pool: EnvironmentPool, toys: World, woven: World) -> None:
    def world_of(name: str) -> World:
        if name == "gone":
            raise InvalidBundle("gone", "")
        return toys

    wanted = [Wanted("a", "gone", toys.tasks[0], None), Wanted("b", toys.id, toys.tasks[0], None)]
    ended = list(Rollout(pool, BatchDesk(Rule("reference", FORMS["awm"])), Setting("reference"), world_of, 1).play(wanted))
    assert [(one.wanted.episode, str(one.trouble or "")) for one in ended] == [("a", "gone"), ("b", "")]


def test_a_worker_that_dies_masks_the_episodes_of_its_environments(toys: World) -> None:
    with EnvironmentPool(2, workers=1) as pool:

        class Killer(Told):
            def reply(self, conversations: Sequence[Conversation]) -> list[Reply]:
                if conversations[0].view.turn == 1:
                    os.kill(pool.worker_ids()[0], signal.SIGKILL)
                return super().reply(conversations)

        found = [trajectory(one) for one in rolled(pool, toys, Killer(LISTS, borrows(1), "never asked"), Setting("told"))]
    assert [(one.outcome, one.ended, one.reward) for one in found] == [("environment_error", "environment_error", 0.0)] * 2


def test_after_a_stop_nothing_more_is_played(pool: EnvironmentPool, toys: World) -> None:
    ended: list[Ended] = []
    rollout = Rollout(pool, BatchDesk(Rule("reference", FORMS["awm"])), Setting("reference"), lambda _: toys, 1)
    wanted = [Wanted(f"{number}", toys.id, toys.tasks[0], None) for number in range(9)]
    for one in rollout.play(wanted, lambda: len(ended) >= 2):
        ended.append(one)
    assert len(ended) == 2
