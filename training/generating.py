"""A model's words: many prompts at once, each with a seed of its own, and a policy for rollouts that keeps what it was shown and said.

What is said to a prompt depends on the prompt and its seed alone, but for the last bits of floating point: rows of a batch are
filled up on the left, nobody sees the filling, and every row draws from its own generator. What several begin with is read once for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import torch

from artifacts.identity import seed_of
from artifacts.trajectory import FormName
from containers.episodes.conversations import Conversation
from containers.episodes.episode import FORMS, Reply
from training.cache import cache_of, keeps_all
from training.messages import message_of
from training.tokens import prompt_tokens

MOST = 512
"""So many tokens a reply has at most, where nobody says."""

ENDED = 0.25
"""The share of rows that have ended from which on the others go on without them: each time, all that is known of those is copied."""


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
        self._room = int(getattr(model.config, "max_position_embeddings", None) or 2**31)
        self._rooms = [max(0, min(most, self._room - len(prompt.tokens))) for prompt in prompts]
        self._chances = torch.stack([_chances(prompt.seed, most) for prompt in prompts])
        self._tokens: list[list[int]] = [[] for _ in prompts]
        self._logprobs: list[list[float]] = [[] for _ in prompts]
        self._going = [place for place, free in enumerate(self._rooms) if free]
        self._known = cache_of(model.config)
        shown = [prompts[place].tokens for place in self._going]
        begun = shared(shown) if keeps_all(self._known) else [Begun(row, row + 1, 0) for row in range(len(shown))]
        self._sees = self._begun([shown[start][:alike] for start, _, alike in begun], [end - start for start, end, _ in begun])
        rests = [one[alike:] for start, end, alike in begun for one in shown[start:end]]
        self._next, sees = self._filled(rests)
        self._sees = torch.cat([self._sees, sees], 1)

    def said(self, ends: frozenset[int]) -> list[Said]:
        """What is said in each row."""
        ended: set[int] = set()
        while self._going:
            for place, token, logprob in zip(self._going, *self._step(), strict=True):
                if place in ended:
                    continue
                self._tokens[place].append(token)
                self._logprobs[place].append(logprob)
                if token in ends or len(self._tokens[place]) == self._rooms[place]:
                    ended.add(place)
            rows = [row for row, place in enumerate(self._going) if place not in ended]
            if len(rows) <= (1 - ENDED) * len(self._going):
                self._keep(rows)
        return [Said(tuple(tokens), tuple(logprobs)) for tokens, logprobs in zip(self._tokens, self._logprobs, strict=True)]

    def _begun(self, heads: Sequence[tuple[int, ...]], counts: Sequence[int]) -> torch.Tensor:
        """Reads what rows begin with, each head once for as many rows as it has; gives what those see of it."""
        tokens, sees = self._filled(heads)
        rows = self._tensor([row for row, count in enumerate(counts) for _ in range(count)])
        if tokens.shape[1]:
            self._read(tokens, sees)
            self._known.batch_select_indices(rows)
        return sees[rows]

    def _read(self, tokens: torch.Tensor, sees: torch.Tensor) -> torch.Tensor:
        """The logits that follow the last of these tokens, rows × vocabulary."""
        positions = (sees.cumsum(-1) - 1).clamp(0, self._room - 1)[:, -tokens.shape[1] :]
        known = {"past_key_values": self._known, "use_cache": True}
        logits: torch.Tensor = self._model(input_ids=tokens, attention_mask=sees, position_ids=positions, **known, logits_to_keep=1).logits
        return logits[:, -1]

    def _step(self) -> tuple[list[int], list[float]]:
        """The next token of each row, with its log-probability."""
        places = [min(len(self._tokens[place]), self._rooms[place] - 1) for place in self._going]
        tokens, logprobs = drawn(self._read(self._next, self._sees), self._temperature, self._chances[self._going, places])
        self._next = tokens[:, None]
        self._sees = torch.nn.functional.pad(self._sees, (0, 1), value=1)
        return tokens.tolist(), logprobs.tolist()

    def _keep(self, rows: Sequence[int]) -> None:
        """Lets go of the other rows."""
        self._going = [self._going[row] for row in rows]
        if rows:
            index = self._tensor(rows)
            self._next, self._sees = self._next[index], self._sees[index]
            self._known.batch_select_indices(index)

    def _filled(self, rows: Sequence[tuple[int, ...]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of one width, and which of their tokens are to be seen."""
        width = max(map(len, rows), default=0)
        tokens = [[*(0,) * (width - len(one)), *one] for one in rows]
        sees = [[*(0,) * (width - len(one)), *(1,) * len(one)] for one in rows]
        return self._tensor(tokens).view(len(rows), width), self._tensor(sees).view(len(rows), width)

    def _tensor(self, rows: Sequence[Any]) -> torch.Tensor:
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


class Begun(NamedTuple):
    """Rows from `start` to before `end`, and how many tokens they all begin with; the last token of each is not among them."""

    start: int
    end: int
    alike: int


def shared(rows: Sequence[tuple[int, ...]]) -> list[Begun]:
    """Which of sorted rows are worth beginning together: of several ways, the one by which the fewest tokens are read.

    Heads are read side by side, and so are the rests; all are as wide as the longest of them.
    """
    alike = [_alike(one, other) for one, other in pairwise(rows)]
    longest = max(map(len, rows), default=0)
    ways = [_within(rows, alike, 2**power) for power in range(longest.bit_length() + 1)]

    def read(way: list[Begun]) -> int:
        heads = len(way) * max((one.alike for one in way), default=0)
        return heads + len(rows) * max((len(rows[row]) - one.alike for one in way for row in range(one.start, one.end)), default=0)

    return min(ways, key=read)


def _within(rows: Sequence[tuple[int, ...]], alike: Sequence[int], rest: int) -> list[Begun]:
    """As many rows together as can be, such that each has at most so many tokens of its own."""
    found: list[Begun] = []
    longest = 0
    for row, tokens in enumerate(rows):
        if found:
            known = min(found[-1].alike, alike[row - 1], len(tokens) - 1)
            if max(longest, len(tokens)) - known <= rest:
                found[-1] = Begun(found[-1].start, row + 1, known)
                longest = max(longest, len(tokens))
                continue
        found.append(Begun(row, row + 1, len(tokens) - 1))
        longest = len(tokens)
    return found


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many tokens both begin with."""
    both = min(len(one), len(other))
    return next((place for place in range(both) if one[place] != other[place]), both)


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
