"""What a model says: the same alone and beside others, drawn as the logits tell, and kept as it was shown and said."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache, MistralConfig, MistralForCausalLM

from artifacts.agent_task import AgentTask, ToolCall
from containers.episodes.conversations import Conversation
from containers.episodes.turns import View
from training.cache import ROOM, cache_of
from training.decoder import Shape, new_decoder
from training.generating import LocalPolicy, Prompt, Said, Turn, drawn, generate, shared
from training.tokens import new_tokenizer, prompt_tokens

TOKENIZER = new_tokenizer(["the cat sat on the mat"] * 3, 300)
MODEL = new_decoder(Shape(vocabulary=300, hidden=16, layers=2, heads=2, context=64), TOKENIZER, 0).eval()
PROMPTS = [Prompt(tuple(range(20, 20 + length)), seed) for seed, length in enumerate((3, 17, 9, 1, 30, 9))]


def one_by_one(prompt: Prompt, temperature: float, most: int, model: Any = MODEL) -> Said:
    """The same without a batch, without a cache: each token from the logits of the whole sequence."""
    draws = torch.rand(most, dtype=torch.float64, generator=torch.Generator().manual_seed(prompt.seed))
    tokens, logprobs = list(prompt.tokens), []
    for step in range(min(most, 64 - len(prompt.tokens))):
        with torch.no_grad():
            logits = model(torch.tensor([tokens])).logits[:, -1]
        token, logprob = drawn(logits, temperature, draws[step : step + 1])
        tokens.append(int(token))
        logprobs.append(float(logprob))
        if tokens[-1] == TOKENIZER.eos_token_id:
            break
    return Said(tuple(tokens[len(prompt.tokens) :]), tuple(logprobs))


def hold_to_alone(said: list[Said], prompts: list[Prompt], temperature: float, most: int, model: Any = MODEL) -> None:
    """Each row of a batch says what it says alone."""
    for prompt, one in zip(prompts, said, strict=True):
        alone = one_by_one(prompt, temperature, most, model)
        assert one.tokens == alone.tokens
        assert one.logprobs == pytest.approx(alone.logprobs, abs=1e-5)


@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("batch", [1, 4, 64])
def test_a_batch_says_what_each_row_says_alone(temperature: float, batch: int) -> None:
    said = generate(MODEL, TOKENIZER, PROMPTS, temperature=temperature, most=12, batch=batch)
    hold_to_alone(said, PROMPTS, temperature, 12)


@pytest.mark.parametrize("lengths", [(1, 1, 1), (1, 9, 4, 9), (0, 5, 0)])
def test_what_all_rows_begin_with_is_read_once_and_changes_nothing(lengths: tuple[int, ...]) -> None:
    begun = tuple(range(20, 44))
    prompts = [Prompt((*begun, *range(60 + seed, 60 + seed + length)), seed) for seed, length in enumerate(lengths)]
    read: list[int] = []
    with MODEL.register_forward_pre_hook(lambda _, __, given: read.append(given["input_ids"].numel()), with_kwargs=True):
        said = generate(MODEL, TOKENIZER, prompts, temperature=1.0, most=8)
    hold_to_alone(said, prompts, 1.0, 8)
    assert read[0] == 24 - (0 in lengths), "the beginning is one row"


def test_rows_that_begin_alike_are_read_in_groups_which_changes_nothing() -> None:
    """Two beginnings of 24 tokens and a row of its own: three heads, and rests of at most four tokens."""
    beginnings = [tuple(range(20 + 40 * place, 44 + 40 * place)) for place in range(3)]
    rests = [(0, 1), (0, 1, 2), (0, 3), (1, 4, 5, 6), (2, 7), (1, 8)]
    prompts = [Prompt((*beginnings[place], *(200 + token for token in rest)), seed) for seed, (place, *rest) in enumerate(rests)]
    read: list[int] = []
    with MODEL.register_forward_pre_hook(lambda _, __, given: read.append(given["input_ids"].numel()), with_kwargs=True):
        said = generate(MODEL, TOKENIZER, prompts, temperature=1.0, most=8)
    hold_to_alone(said, prompts, 1.0, 8)
    assert read[:2] == [3 * 24, 6 * 3]


def test_a_model_with_a_window_sees_as_much_beside_others_as_alone() -> None:
    torch.manual_seed(0)
    small: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    model: Any = MistralForCausalLM(MistralConfig(vocab_size=300, max_position_embeddings=64, sliding_window=8, **small))
    model.eval()
    prompts = [Prompt((*range(20, 44), *range(60, 60 + length)), length) for length in (0, 1, 9, 12)]
    hold_to_alone(generate(model, TOKENIZER, prompts, temperature=1.0, most=8), prompts, 1.0, 8, model)


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=9).map(tuple), max_size=12).map(sorted))
def test_rows_that_begin_together_do_begin_alike(rows: list[tuple[int, ...]]) -> None:
    found = shared(rows)
    assert [place for one in found for place in range(one.start, one.end)] == list(range(len(rows)))
    for one in found:
        assert len({row[: one.alike] for row in rows[one.start : one.end]}) == 1
        assert all(len(row) > one.alike for row in rows[one.start : one.end])


def test_a_roomy_cache_holds_what_the_usual_one_does() -> None:
    draws = torch.Generator().manual_seed(0)
    caches = [cache_of(MODEL.config), DynamicCache(config=MODEL.config)]
    for rows, tokens, then in ((3, 5, [2, 0, 2, 1]), (4, 1, [0, 1, 3]), (3, ROOM + 9, [1]), (1, 1, [0, 0]), (2, 2, [0, 1])):
        states = torch.randn((2, rows, 2, tokens, 8), generator=draws)
        for layer in range(2):
            mine, usual = (torch.stack(cache.update(*states, layer)) for cache in caches)
            assert torch.equal(mine, usual)
        for cache in caches:
            cache.batch_select_indices(torch.tensor(then))
    assert [cache.get_seq_length() for cache in caches] == [18 + ROOM, 18 + ROOM]


def test_log_probabilities_are_those_of_the_distribution_that_was_drawn_from() -> None:
    """A float64 reference over the whole sequence, softmax(logits / temperature)."""
    prompt = PROMPTS[2]
    said = generate(MODEL, TOKENIZER, [prompt], temperature=0.7, most=10)[0]
    with torch.no_grad():
        logits = MODEL(torch.tensor([[*prompt.tokens, *said.tokens]])).logits[0].double()
    reference = torch.log_softmax(logits / 0.7, -1)[len(prompt.tokens) - 1 : -1]
    assert said.logprobs == pytest.approx([float(row[token]) for row, token in zip(reference, said.tokens, strict=True)], abs=1e-5)


def test_rows_end_with_their_mark_and_leave_the_others_going() -> None:
    """With the mark made likely, rows end at different lengths."""
    import copy

    model = copy.deepcopy(MODEL)
    with torch.no_grad():
        model.lm_head.weight.mul_(8)
    prompts = [Prompt((40 + place, 41), place) for place in range(24)]
    said = generate(model, TOKENIZER, prompts, temperature=4.0, most=40)
    lengths = {len(one.tokens) for one in said}
    ended = [one for one in said if one.tokens[-1] == TOKENIZER.eos_token_id]
    assert len(lengths) > 1
    assert ended
    assert all(TOKENIZER.eos_token_id not in one.tokens[:-1] for one in said)


def test_other_seeds_say_other_things_and_the_model_goes_on_learning() -> None:
    MODEL.train()
    one, other, twin = generate(MODEL, TOKENIZER, [Prompt((20, 21), 1), Prompt((20, 21), 2), Prompt((20, 21), 1)], temperature=1.0, most=9)
    assert MODEL.training
    MODEL.eval()
    assert one == twin
    assert one.tokens != other.tokens


def test_a_prompt_that_fills_the_context_is_answered_with_nothing() -> None:
    full, short = generate(MODEL, TOKENIZER, [Prompt((20,) * 64, 0), Prompt((20,) * 62, 0)], temperature=1.0, most=9)
    assert full == Said((), ())
    assert len(short.tokens) == 2
    assert generate(MODEL, TOKENIZER, [Prompt((20,) * 70, 0)], temperature=1.0, most=9) == [Said((), ())]
    assert generate(MODEL, TOKENIZER, [], temperature=1.0, most=9) == []


def test_draws_follow_the_chances() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.0, 0.3, 0.2]]).clamp(min=0))
    tokens = [
        int(drawn(logits, 1.0, torch.tensor([chance], dtype=torch.float64))[0]) for chance in (0.0, 0.49, 0.51, 0.79, 0.81, 1 - 1e-16)
    ]
    assert tokens == [0, 0, 2, 2, 3, 3]
    token, logprob = drawn(logits, 0.5, torch.tensor([0.0], dtype=torch.float64))
    assert int(token) == 0
    assert float(logprob) == pytest.approx(math.log(0.25 / 0.38))


def conversation(episode: str, text: str, seed: int = 3, turn: int = 0) -> Conversation:
    task = AgentTask(id="t01", instruction="Go.", kind="read", solution=(ToolCall(tool="look"),), answer=("x",))
    tools: tuple[dict[str, Any], ...] = ({"name": "l", "description": "L.", "inputSchema": {"type": "object"}},)
    return Conversation(episode, task, seed, View(({"role": "user", "content": text},), tools, (), turn))


def test_a_policy_keeps_what_it_was_shown_and_said() -> None:
    policy = LocalPolicy(MODEL, TOKENIZER, 1.0, 6, keep=True)
    asked = [conversation("a", "Hi"), conversation("b", "Ho", turn=2)]
    replies = policy.reply(asked)
    assert set(policy.turns) == {("a", 0), ("b", 2)}
    for one, reply in zip(asked, replies, strict=True):
        turn = policy.turns[one.episode, one.view.turn]
        assert list(turn.prompt) == prompt_tokens(TOKENIZER, one.view.messages)
        assert (reply.input_tokens, reply.output_tokens) == (len(turn.prompt), len(turn.said.tokens))
        assert reply.message["content"] == TOKENIZER.decode(turn.said.tokens, skip_special_tokens=True)
    assert policy.reply(asked[1:]) == replies[1:]
    policy.close()
    assert policy.turns == {}


def test_the_words_may_come_from_elsewhere() -> None:
    said = Said(tuple(TOKENIZER.encode("the cat")), (-0.5,))
    policy = LocalPolicy(None, TOKENIZER, form="native", keep=True, say=lambda prompts: [said for _ in prompts])
    asked = conversation("a", "Hi")
    assert policy.reply([asked])[0].message == {"role": "assistant", "content": "the cat"}
    shown = [{"type": "function", "function": {"name": "l", "description": "L.", "parameters": {"type": "object"}}}]
    assert policy.turns["a", 0] == Turn(tuple(prompt_tokens(TOKENIZER, asked.view.messages, shown)), said)
