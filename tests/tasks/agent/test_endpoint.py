"""A model behind a scripted OpenAI-compatible server: good episodes, broken ones, and a service in trouble."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from tenacity import wait_none

from artifacts.errors import InvalidInput, ModelRejected, ModelUnavailable, UnknownName
from artifacts.trajectory import FormName, Trajectory
from artifacts.world import World
from containers.episodes.episode import FORMS
from containers.episodes.rescoring import rescore
from tasks.agent.endpoint import LONGEST_WAIT, TRIES, Endpoint, base_url, patience
from tasks.agent.playing import expect_model, play_task, policy_named, tools_in_process

LISTS = '<tool_call>\n{"name": "list_tools", "arguments": null}\n</tool_call>'
BORROWS = '<tool_call>{"name": "call_tool", "arguments": {"tool_name": "borrow_toy", "arguments": "{\\"toy_id\\": 1}"}}</tool_call>'


NOTICES: list[str] = []


def tries(world: World, api_base: str, *, task: int = 1, form: FormName = "awm", max_turns: int = 6, seed: int | None = None) -> Trajectory:
    """An episode of the scripted model on one of the two tasks."""

    async def run() -> Trajectory:
        endpoint = Endpoint("openai/scripted", FORMS[form], api_base, seed=seed, wait=wait_none(), notice=NOTICES.append)
        async with tools_in_process(world) as tools:
            try:
                return await play_task(world, world.tasks[task], endpoint, tools, form=form, max_turns=max_turns)
            finally:
                await endpoint.close()

    return asyncio.run(run())


def calls(*functions: tuple[str, Any], content: Any = None, **more: Any) -> Any:
    """A completion with native tool calls."""

    def move(handler: Any, body: dict[str, Any]) -> None:
        made = [{"id": f"c{place}", "function": {"name": name, "arguments": given}} for place, (name, given) in enumerate(functions)]
        message = {"role": "assistant", "content": content, "tool_calls": made, "audio": None, **more}
        handler.reply(200, {"choices": [{"message": message}]})

    return move


def roles(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [message["role"] for message in messages]


def test_a_good_episode_in_the_papers_form(script: Any, api_base: str, moves: Any, toys: World) -> None:
    script.moves = [moves.says(LISTS), moves.says(BORROWS), moves.says("The kite is yours.")]
    found = tries(toys, api_base)
    assert (found.reward, found.outcome, found.ended, found.answer) == (1.0, "completed", "answered", "The kite is yours.")
    assert [(call.tool, call.arguments, call.observation) for call in found.calls] == [
        ("borrow_toy", {"toy_id": 1}, {"result": {"id": 1, "name": "Kite"}})
    ]
    assert roles(found.messages) == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    assert (found.input_tokens, found.output_tokens) == (33, 21)
    assert [body["model"] for body in script.bodies] == ["scripted"] * 3
    assert all("tools" not in body and "seed" not in body for body in script.bodies)
    assert '"inputSchema"' in script.bodies[1]["messages"][-1]["content"]
    assert "borrow_toy" not in script.bodies[0]["messages"][0]["content"], "the tools are for the agent to list"
    assert script.bodies[2]["messages"] == list(found.messages[:-1])
    assert rescore(found, toys).holds


def test_a_good_episode_with_native_calls(script: Any, api_base: str, moves: Any, toys: World) -> None:
    script.moves = [
        calls(("list_toys", ""), ("borrow_toy", '{"toy_id": 9}'), reasoning_content="Let me see."),
        calls(("borrow_toy", {"toy_id": 1}), content=[{"type": "text", "text": "I take "}, {"type": "text", "text": "it."}]),
        moves.says("Done."),
    ]
    found = tries(toys, api_base, form="native", seed=7)
    assert (found.reward, found.seed) == (1.0, 7)
    assert [call.observation.get("error") for call in found.calls] == [None, "not_found", None]
    assert roles(found.messages) == ["system", "user", "assistant", "tool", "tool", "assistant", "tool", "assistant"]
    assert found.messages[2]["reasoning_content"] == "Let me see."
    assert found.messages[5]["content"] == "I take it."
    assert found.input_tokens is None, "two of three answers told no tokens"
    assert [tool["function"]["name"] for tool in script.bodies[0]["tools"]] == ["list_toys", "borrow_toy"]
    assert script.bodies[0]["seed"] == 7
    assert rescore(found, toys).holds


@pytest.mark.parametrize("text", ["<tool_call>{", '<tool_call>{"name": "borrow_toy"}</tool_call>'])
def test_a_broken_form_costs_one_and_ends_the_episode(script: Any, api_base: str, moves: Any, toys: World, text: str) -> None:
    script.moves = [moves.says(LISTS), moves.says(BORROWS), moves.says(text), moves.says("never asked")]
    found = tries(toys, api_base)
    assert (found.reward, found.outcome, found.ended, found.turns) == (-1.0, "agent_error", "format_violation", 3)
    assert found.score.detail.startswith("format violation: ")
    assert len(script.moves) == 1
    assert rescore(found, toys).holds


def test_broken_native_arguments_cost_one(script: Any, api_base: str, toys: World) -> None:
    script.moves = [calls(("borrow_toy", '{"toy_id": 1'))]
    found = tries(toys, api_base, form="native")
    assert (found.reward, found.ended, found.calls) == (-1.0, "format_violation", ())
    assert rescore(found, toys).holds


def test_an_unknown_tool_is_told_and_the_episode_goes_on(script: Any, api_base: str, moves: Any, toys: World) -> None:
    script.moves = [calls(("steal_toy", "{}")), moves.says("Kite")]
    found = tries(toys, api_base, task=0, form="native")
    assert (found.calls[0].observation["error"], found.reward) == ("unknown_tool", 1.0)


def test_an_endless_loop_ends_at_the_turn_limit(script: Any, api_base: str, toys: World) -> None:
    script.author = lambda body: LISTS
    found = tries(toys, api_base, max_turns=4)
    assert (found.ended, found.turns, found.answer, found.reward) == ("turn_limit", 4, None, 0.0)
    assert len(script.bodies) == 4
    assert rescore(found, toys).holds


def test_at_the_turn_limit_what_was_done_counts(script: Any, api_base: str, toys: World) -> None:
    script.author = lambda body: BORROWS
    found = tries(toys, api_base, max_turns=2)
    assert (found.ended, found.outcome) == ("turn_limit", "completed")


def test_a_refusal_is_an_answer_that_earns_nothing(script: Any, api_base: str, toys: World) -> None:
    script.moves = [calls(refusal="I can't help with that.")]
    found = tries(toys, api_base)
    assert (found.ended, found.answer, found.reward) == ("answered", "I can't help with that.", 0.0)
    assert rescore(found, toys).holds


def test_silence_is_no_answer(script: Any, api_base: str, moves: Any, toys: World) -> None:
    script.moves = [moves.says(None)]
    assert (tries(toys, api_base, task=0).answer, len(script.bodies)) == (None, 1)


def test_a_service_in_trouble_is_asked_again(script: Any, api_base: str, moves: Any, toys: World) -> None:
    def page(handler: Any, body: Any) -> None:
        handler.reply(200, {"hello": "I am a proxy"})

    script.moves = [moves.fails(500), moves.drops, moves.fails(429, retry_after="1"), page, moves.says(BORROWS), moves.says("Done.")]
    NOTICES.clear()
    found = tries(toys, api_base)
    assert (found.reward, found.turns) == (1.0, 2)
    assert [word for word in ("500 scripted 500", "reached", "429", "no chat completion") if word not in " ".join(NOTICES)] == []
    assert all(line.endswith(" Asked again in 0 s.") for line in NOTICES)
    assert len(script.bodies) == 6


def test_a_service_that_stays_away_is_our_trouble_and_no_score(script: Any, api_base: str, moves: Any, toys: World) -> None:
    script.moves = [moves.says(LISTS), *(moves.fails(503) for _ in range(TRIES + 1))]
    with pytest.raises(ModelUnavailable, match="503 scripted 503"):
        tries(toys, api_base)
    assert len(script.moves) == 1, "it is asked five times"


@pytest.mark.parametrize("failure", [(401, "error"), (400, "error"), (404, "error"), (429, "insufficient_quota")])
def test_a_service_that_refuses_us_is_asked_once(script: Any, api_base: str, moves: Any, toys: World, failure: tuple[int, str]) -> None:
    status, kind = failure
    script.moves = [moves.fails(status, kind=kind)]
    with pytest.raises(ModelRejected, match=f"{status} scripted {status}"):
        tries(toys, api_base)
    assert len(script.bodies) == 1


def test_the_key_is_sent_and_never_kept(script: Any, api_base: str, moves: Any, toys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-17")
    sent: list[str] = []

    def listens(handler: Any, body: Any) -> None:
        sent.append(handler.headers["Authorization"])
        moves.says("Kite")(handler, body)

    script.moves = [listens]
    found = tries(toys, api_base, task=0)
    assert sent == ["Bearer sk-secret-17"]
    assert "secret" not in json.dumps(found.canonical())


def test_odd_text_stays_on_record(script: Any, api_base: str, moves: Any, toys: World) -> None:
    script.moves = [moves.says("Kite \ud800 \x1b[31m")]
    found = tries(toys, api_base, task=0)
    assert found.answer == "Kite ? \x1b[31m"
    assert found.reward == 1.0


def test_waits_follow_the_service_within_bounds() -> None:
    class State:
        attempt_number = 3

        def __init__(self, after: float | None) -> None:
            self.after = after

        @property
        def outcome(self) -> Any:
            return self

        def exception(self) -> ModelUnavailable:
            return ModelUnavailable("busy", retry_after=self.after)

    waits: list[float] = [patience(State(after)) for after in (2.5, 9_999.0, None)]  # type: ignore[arg-type]  # all that is read of it
    assert waits[:2] == [2.5, LONGEST_WAIT]
    assert 0 <= waits[2] <= 4


@pytest.mark.parametrize("url", ["junk", "ftp://x/v1", "http://", "http://x:port/v1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="--api-base"):
        base_url(url)


@pytest.mark.parametrize(
    ("name", "hint"), [("referense", "Did you mean reference"), ("gpt-5", "openai/NAME"), ("worldloom/procedural-1", "idle")]
)
def test_what_is_no_policy_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UnknownName, match=hint):
        expect_model(name, None)


def test_a_hosted_model_without_a_key_is_refused_before_anything_is_sent(toys: World) -> None:
    async def run() -> None:
        async with policy_named("openai/gpt-5", "awm", toys.tasks[0]):
            pass

    with pytest.raises(ModelRejected, match="needs a key"):
        asyncio.run(run())
