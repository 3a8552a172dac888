"""A model's words: many prompts at once, each with a seed of its own, and a policy for rollouts that keeps what it was shown and said.

What is said to a prompt depends on the prompt and its seed alone, but for the last bits of floating point: rows of a batch are
filled up on the left, nobody sees the filling, and every row draws from its own generator. What all of them begin with is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache

from artifacts.identity import seed_of
from artifacts.trajectory import FormName
from containers.episodes.conversations import Conversation
from containers.episodes.episode import FORMS, Reply
from training.messages import message_of
from training.tokens import prompt_tokens

MOST = 512
"""So many tokens a reply has at most, where nobody says."""

WORTH_SHARING = 16
"""From so many tokens on, what all rows of a batch begin with is read once for all of them."""


class Prompt(NamedTuple):
    """What a model is shown, and the seed of what it says."""

    tokens: tuple[int, ...]
    seed: int


class Said(NamedTuple):
    """Tokens up to and with the end mark, and the log-probability of each under the distribution that it was drawn from.

    That is softmax(logits / temperature); at temperature 0, where nothing is drawn, it is softmax(logits).
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]


class Turn(NamedTuple):
    """What a policy was shown and what it said, token by token."""

    prompt: tuple[int, ...]
    said: Said


Say = Callable[[Sequence[Prompt]], list[Said]]
"""Whatever answers prompts, in their order."""


def generate(model: Any, tokenizer: Any, prompts: Sequence[Prompt], *, temperature: float, most: int, batch: int = 64) -> list[Said]:
    """What a model says to each prompt: at most `most` tokens, no more than its context holds, the likeliest at temperature 0."""
    order = sorted(range(len(prompts)), key=lambda place: prompts[place].tokens)  # what begins alike stands together
    ends = _ends(model, tokenizer)
    found: dict[int, Said] = {}
    with _speaking(model):
        for start in range(0, len(order), batch):
            places = order[start : start + batch]
            found.update(zip(places, _Rows(model, [prompts[place] for place in places], temperature, most).said(ends), strict=True))
    return [found[place] for place in range(len(prompts))]


def message_seed(seed: int | None, turn: int) -> int:
    """The seed of what is said at a turn of an episode."""
    return seed_of("reply", seed, turn) % 2**63


class LocalPolicy:
    """A model as a policy of rollouts; with `keep` it remembers every (episode, turn) in `turns`, token by token."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        temperature: float = 0.0,
        most: int = MOST,
        *,
        form: FormName = "awm",
        batch: int = 64,
        keep: bool = False,
        say: Say | None = None,
    ) -> None:
        """`say` answers prompts in the place of `model`, which may then be None."""
        self.turns: dict[tuple[str, int], Turn] = {}
        self._tokenizer = tokenizer
        self._form = FORMS[form]
        self._keep = keep
        self._say = say or (lambda prompts: generate(model, tokenizer, prompts, temperature=temperature, most=most, batch=batch))

    def reply(self, conversations: Sequence[Conversation]) -> list[Reply]:
        """The next message of each, in order; raises what `say` does."""
        tools = [self._form.options(one.view.tools).get("tools") for one in conversations]
        prompts = [
            Prompt(tuple(prompt_tokens(self._tokenizer, one.view.messages, listed)), message_seed(one.seed, one.view.turn))
            for one, listed in zip(conversations, tools, strict=True)
        ]
        said = self._say(prompts)
        if self._keep:
            keys = [(one.episode, one.view.turn) for one in conversations]
            self.turns.update({key: Turn(prompt.tokens, one) for key, prompt, one in zip(keys, prompts, said, strict=True)})
        return [
            Reply(message_of(self._tokenizer, prompt.tokens, one.tokens, listed), len(prompt.tokens), len(one.tokens))
            for prompt, one, listed in zip(prompts, said, tools, strict=True)
        ]

    def close(self) -> None:
        """Forgets what it kept."""
        self.turns.clear()


class _Rows:
    """Prompts side by side: a row of tokens each, filled up on the left, which grows by a token a step until it has ended."""

    def __init__(self, model: Any, prompts: Sequence[Prompt], temperature: float, most: int) -> None:
        self._model = model
        self._temperature = temperature
        room = int(getattr(model.config, "max_position_embeddings", None) or 2**31)
        self._rooms = [max(0, min(most, room - len(prompt.tokens))) for prompt in prompts]
        self._chances = torch.stack([_chances(prompt.seed, most) for prompt in prompts])
        self._tokens: list[list[int]] = [[] for _ in prompts]
        self._logprobs: list[list[float]] = [[] for _ in prompts]
        self._going = [place for place, free in enumerate(self._rooms) if free]
        self._known = DynamicCache(config=model.config)
        shown = [prompts[place].tokens for place in self._going]
        alike = self._begun(shown)
        rests = [one[alike:] for one in shown]
        width = max(map(len, rests), default=0)
        self._next = self._tensor([[*(0,) * (width - len(one)), *one] for one in rests])
        self._sees = self._tensor([[*(1,) * alike, *(0,) * (width - len(one)), *(1,) * len(one)] for one in rests])

    def said(self, ends: frozenset[int]) -> list[Said]:
        """What is said in each row."""
        while self._going:
            tokens, logprobs = self._step()
            for place, token, logprob in zip(self._going, tokens, logprobs, strict=True):
                self._tokens[place].append(token)
                self._logprobs[place].append(logprob)
            self._keep([row for row, token in enumerate(tokens) if token not in ends and self._free(row)])
        return [Said(tuple(tokens), tuple(logprobs)) for tokens, logprobs in zip(self._tokens, self._logprobs, strict=True)]

    def _begun(self, shown: Sequence[tuple[int, ...]]) -> int:
        """Reads what all rows begin with once for all of them, where that is worth it; gives how many tokens it is."""
        alike = _alike(shown)
        if len(shown) < 2 or alike < WORTH_SHARING:
            return 0
        self._model(input_ids=self._tensor([shown[0][:alike]]), past_key_values=self._known, use_cache=True, logits_to_keep=1)
        self._known.batch_repeat_interleave(len(shown))
        return alike

    def _step(self) -> tuple[list[int], list[float]]:
        """The next token of each row that goes on, with its log-probability."""
        fresh = self._next.shape[1]
        positions = (self._sees.cumsum(-1) - 1).clamp(min=0)[:, -fresh:]
        out = self._model(
            input_ids=self._next,
            attention_mask=self._sees,
            position_ids=positions,
            past_key_values=self._known,
            use_cache=True,
            logits_to_keep=1,
        )
        chances = self._chances[self._going, [len(self._tokens[place]) for place in self._going]]
        tokens, logprobs = drawn(out.logits[:, -1], self._temperature, chances)
        self._next = tokens[:, None]
        self._sees = torch.nn.functional.pad(self._sees, (0, 1), value=1)
        return tokens.tolist(), logprobs.tolist()

    def _free(self, row: int) -> bool:
        place = self._going[row]
        return len(self._tokens[place]) < self._rooms[place]

    def _keep(self, rows: Sequence[int]) -> None:
        """Lets go of the rows that have ended."""
        if len(rows) < len(self._going):
            self._going = [self._going[row] for row in rows]
            index = torch.tensor(rows, dtype=torch.long, device=self._next.device)
            self._next, self._sees = self._next[index], self._sees[index]
            if rows:
                self._known.batch_select_indices(index)

    def _tensor(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        return torch.tensor(rows, dtype=torch.long, device=self._model.device)


def drawn(logits: torch.Tensor, temperature: float, chances: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A token of each row and its log-probability: rows × vocabulary to rows; a draw inverts the cumulated chances at a number in [0, 1).

    At temperature 0 the likeliest tokens, with the log-probabilities that they have at temperature 1.
    """
    logprobs = torch.log_softmax(logits.float() / (temperature or 1.0), -1)
    if temperature == 0:
        tokens = logprobs.argmax(-1)
    else:
        cumulated = logprobs.double().exp().cumsum(-1)
        aims = chances.to(cumulated.device)[:, None] * cumulated[:, -1:]
        tokens = torch.searchsorted(cumulated, aims, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
    return tokens, logprobs.gather(-1, tokens[:, None])[:, 0]


def _alike(shown: Sequence[tuple[int, ...]]) -> int:
    """How many tokens all rows begin with, less the last of the shortest, which is left to be read."""
    first, last = min(shown, default=()), max(shown, default=())
    most = min(map(len, shown), default=1) - 1
    return next((place for place in range(most) if first[place] != last[place]), most)


def _chances(seed: int, most: int) -> torch.Tensor:
    """A row's own numbers in [0, 1), one a token."""
    return torch.rand(most, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """The marks that end what is said: the tokenizer's, and those that the model's own settings name."""
    named = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    more = named if isinstance(named, list) else [named]
    return frozenset(token for token in (tokenizer.eos_token_id, *more) if token is not None)


@contextmanager
def _speaking(model: Any) -> Iterator[None]:
    """A model that neither learns nor drops anything out; what it did before, it does after."""
    learns = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(learns)
