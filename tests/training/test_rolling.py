"""Groups of episodes in a pool: what is kept is what was shown and said, and an environment that fails is masked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from artifacts.errors import ModelUnavailable
from artifacts.toolset import Tool
from artifacts.world import World
from training.generating import LocalPolicy, Prompt, Said, Say
from training.rolling import Group, Roller
from training.settings import GrpoSettings
from training.tokens import new_tokenizer
from training.worlds import Charge

TOKENIZER = new_tokenizer(["read_note note nothing"] * 3, 400)
SETTINGS = GrpoSettings(store="loom", out="out", run_id="run", environments=8, group=4, form="native", max_turns=3)

Notes = Callable[[int], World]


def spoken(text: str) -> Said:
    tokens = tuple(TOKENIZER.encode(text))
    return Said(tokens, (-0.5,) * len(tokens))


def reads_then_tells(prompts: Sequence[Prompt]) -> list[Said]:
    """Reads the note first; then half of the seeds tell what it says, and half do not."""
    read = ["<|tool|>" in TOKENIZER.decode(prompt.tokens) for prompt in prompts]
    told = [f"note {prompt.seed % 2}<|end|>" for prompt in prompts]
    return [spoken(answer if done else "<|call|>read_note {}<|end|>") for answer, done in zip(told, read, strict=True)]


def reads_twice(prompts: Sequence[Prompt]) -> list[Said]:
    """Reads the note, and once more, and then tells it."""
    shown = [TOKENIZER.decode(prompt.tokens) for prompt in prompts]
    return [spoken("note 1<|end|>" if one.count("<|tool|>") == 2 else "<|call|>read_note {}<|end|>") for one in shown]


def played(worlds: Sequence[World], say: Say = reads_then_tells) -> list[Group]:
    roller = Roller(SETTINGS, LocalPolicy(None, TOKENIZER, form="native", keep=True, say=say), 8)
    charges = [Charge(f"{world.id}-t01", world.tasks[0], world) for world in worlds]
    try:
        roller.prepare(charges)
        groups = roller.play(charges, (1, 0))
        assert roller.clock.environments > 0
        return groups
    finally:
        roller.close()


def broken(world: World, when: str = "id = 99") -> World:
    """The same world with a tool whose own rule fails: it must change one row, where `when` holds."""
    step = {"run": f"UPDATE notes SET text = text || '!' WHERE {when}", "expect": 1}
    plain = world.tools[0].model_dump(mode="json", by_alias=True)
    return world.model_copy(update={"tools": (Tool.model_validate({**plain, "program": [step, *plain["program"]]}),)})


def test_a_world_that_fails_is_masked_and_leaves_the_others(a_note_world: Notes) -> None:
    """Both worlds are played by one policy; the failing one has no reward, and no zero either."""
    good, bad = played([a_note_world(1), broken(a_note_world(1))])
    assert {episode.reward for episode in good.episodes} <= {0.0, 1.0}
    assert [episode.completed for episode in good.episodes] == [episode.reward == 1 for episode in good.episodes]
    assert [episode.reward for episode in bad.episodes] == [None] * 4
    assert (bad.advantages, bad.lessons()) == (None, [])


def test_a_world_that_fails_in_the_middle_is_masked_too(a_note_world: Notes) -> None:
    """The first call succeeds and the second does not: what was said until then is kept, and teaches nothing."""
    good, bad = played([a_note_world(1), broken(a_note_world(1), "text = 'note 1'")], reads_twice)
    assert [(episode.reward, len(episode.turns)) for episode in good.episodes] == [(1.0, 3)] * 4
    assert [(episode.reward, episode.completed, len(episode.turns)) for episode in bad.episodes] == [(None, False, 2)] * 4
    assert (bad.advantages, bad.lessons()) == (None, [])


def test_a_lesson_is_what_was_shown_and_said(a_note_world: Notes) -> None:
    (group,) = played([a_note_world(1)])
    assert group.advantages is not None, "four seeds, of which some are even and some are odd"
    for episode, lessons, advantage in zip(group.episodes, group.lessons(), group.advantages, strict=True):
        assert [(lesson.prompt, lesson.said) for lesson in lessons] == [(turn.prompt, turn.said.tokens) for turn in episode.turns]
        first, second = lessons
        assert TOKENIZER.decode(first.said) == "<|call|>read_note {}<|end|>"
        assert second.prompt[: len(first.prompt) + len(first.said)] == (*first.prompt, *first.said)
        assert {first.advantage, second.advantage} == {advantage}


def test_a_policy_that_is_gone_ends_the_job(a_note_world: Notes) -> None:
    def gone(prompts: Sequence[Prompt]) -> list[Said]:
        raise ModelUnavailable(f"{len(prompts)} prompts met nobody.")

    roller = Roller(SETTINGS, LocalPolicy(None, TOKENIZER, form="native", keep=True, say=gone), 8)
    world = a_note_world(1)
    with pytest.raises(ModelUnavailable, match="4 prompts met nobody"):
        roller.play([Charge("t", world.tasks[0], world)], (1, 0))
    roller.close()
