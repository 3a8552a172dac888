"""The policies that need no model, on every task of a world as the embedded model weaves it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifacts.trajectory import FormName, Trajectory
from artifacts.world import World
from containers.episodes.rescoring import rescore
from tasks.agent.mcp_toolbox import tools_over_mcp
from tasks.agent.playing import play_task, policy_named, tools_in_process

FORMS: list[FormName] = ["awm", "native"]


def played(world: World, task_id: str, name: str, form: FormName = "awm", *, seed: int | None = None, mcp: bool = False) -> Trajectory:
    task = next(task for task in world.tasks if task.id == task_id)

    async def run() -> Trajectory:
        box = tools_over_mcp(world) if mcp else tools_in_process(world)
        async with policy_named(name, form, task, seed) as policy, box as tools:
            return await play_task(world, task, policy, tools, form=form)

    return asyncio.run(run())


@pytest.mark.parametrize("form", FORMS)
def test_the_reference_earns_one_and_idleness_nothing_on_every_task(woven: World, form: FormName) -> None:
    assert len(woven.tasks) == 10
    for task in woven.tasks:
        reference, idle = (played(woven, task.id, name, form, mcp=True) for name in ("reference", "idle"))
        assert (reference.reward, reference.outcome, reference.ended) == (1.0, "completed", "answered"), reference.score
        assert len(reference.calls) == len(task.solution)
        assert (idle.reward, idle.calls, idle.turns) == (0.0, (), 1)
        assert rescore(reference, woven).holds
        assert rescore(idle, woven).holds


@pytest.mark.parametrize("form", FORMS)
def test_over_mcp_and_in_process_are_the_same_episode(woven: World, form: FormName) -> None:
    for task in woven.tasks[:3]:
        assert played(woven, task.id, "reference", form, mcp=True) == played(woven, task.id, "reference", form)
        assert played(woven, task.id, "random", form, seed=5, mcp=True) == played(woven, task.id, "random", form, seed=5)


@given(seed=st.integers(0, 2**32), number=st.integers(0, 9), form=st.sampled_from(FORMS))
@settings(deadline=None, max_examples=30)
def test_flailing_never_raises_and_is_no_fault_of_ours(woven: World, seed: int, number: int, form: FormName) -> None:
    trajectory = played(woven, woven.tasks[number].id, "random", form, seed=seed)
    assert trajectory.outcome != "environment_error", trajectory.score
    assert trajectory.ended != "format_violation"
    assert rescore(trajectory, woven).holds


def test_a_seed_makes_the_same_flailing_again_and_another_makes_other(woven: World) -> None:
    runs = [played(woven, "t01", "random", seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0].calls != runs[2].calls
    assert any(len(run.calls) > 1 for run in runs)


def test_flailing_reaches_most_tools_and_some_calls_succeed(woven: World) -> None:
    calls = [call for seed in range(12) for call in played(woven, "t01", "random", seed=seed).calls]
    assert len({call.tool for call in calls}) > len(woven.tools) / 2
    assert {"result" in call.observation for call in calls} == {True, False}


def test_a_reference_that_fails_gives_up(toys: World) -> None:
    task = toys.tasks[1]
    broken = toys.model_copy(update={"tasks": (toys.tasks[0], task.model_copy(update={"solution": (*task.solution, task.solution[1])}))})
    trajectory = played(broken, "t02", "reference")
    assert (trajectory.ended, trajectory.answer, trajectory.outcome) == ("answered", None, "environment_error")
