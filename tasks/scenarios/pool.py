"""Pools of scenarios: read from a file, checked for fitness, spread over categories, and filled up to a target."""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from artifacts.errors import InvalidInput
from artifacts.identity import canonical_bytes
from artifacts.scenario import Scenario
from tasks.scenarios.novelty import SEEDS, Duplicate, Embedder, KnownScenarios, name_key

MAX_LINE: Final = 100_000
BATCH: Final = 10
EXAMPLES: Final = 5
AVOID: Final = 40
PATIENCE: Final = 3
REFUSED: Final = 20

Invent = Callable[[str, Sequence[str], Sequence[str], int], Sequence[Scenario]]
"""(category, names of examples, names to avoid, how many) -> scenarios; builds on a model, so it may give fewer or more."""

# --- reading --------------------------------------------------------------------------------------------------------

LINE_HINT: Final = (
    'Each line is a JSON object such as {"name": "Toy library", "description": "…", "category": "clubs"}; only the name is needed.'
)


def load_scenarios(path: str | Path) -> tuple[Scenario, ...]:
    """The scenarios of a JSONL file, in order; blank lines are skipped.

    Raises InvalidInput, with the file and the line's number, at the first line that cannot be used.
    """
    found: dict[str, int] = {}
    scenarios: list[Scenario] = []
    for number, line in enumerate(_lines(Path(path)), start=1):
        if not line.strip():
            continue
        scenario = _scenario_of(line, f"{path}:{number}")
        if (earlier := found.setdefault(name_key(scenario) or scenario.name, number)) != number:
            raise InvalidInput(
                f"{path}:{number}: the name '{scenario.name}' was on line {earlier} already.", "Give each scenario a name of its own."
            )
        scenarios.append(scenario)
    if not scenarios:
        raise InvalidInput(f"{path} holds no scenarios.", LINE_HINT)
    return tuple(scenarios)


@cache
def shipped_scenarios() -> tuple[Scenario, ...]:
    """The 100 seed scenarios that come with Worldloom."""
    with resources.as_file(resources.files("tasks.scenarios").joinpath(*SEEDS)) as path:
        return load_scenarios(path)


def scenario_lines(scenarios: Iterable[Scenario]) -> str:
    """The scenarios as JSONL, which load_scenarios reads back equal."""
    return "".join(canonical_bytes(scenario.canonical()).decode() + "\n" for scenario in scenarios)


def _lines(path: Path) -> Sequence[str]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8 JSONL.") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", "Give the path of a JSONL file of scenarios.") from error
    return text.split("\n")


def _scenario_of(line: str, where: str) -> Scenario:
    value = _object_of(line, where)
    unknown = next((key for key in value if key not in Scenario.model_fields), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, Scenario.model_fields, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"The fields are: {', '.join(Scenario.model_fields)}."
        raise InvalidInput(f"{where}: unknown field {_excerpt(unknown)}.", hint)
    if "name" not in value:
        raise InvalidInput(f"{where}: the name is missing.", LINE_HINT)
    try:
        return Scenario.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(f"{where}: {_complaint(error)}.", LINE_HINT) from error


def _object_of(line: str, where: str) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise InvalidInput(f"{where}: the line has {len(line):,} characters; at most {MAX_LINE:,} are read.", LINE_HINT)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        problem = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        raise InvalidInput(f"{where}: not JSON ({problem}).", LINE_HINT) from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{where}: a {type(value).__name__} instead of a JSON object.", LINE_HINT)
    return value


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    given = first["input"]
    if first["type"] == "string_too_long":
        return f"the {field} has {len(given):,} characters; at most {first['ctx']['max_length']:,} are allowed"
    if first["type"] == "string_type":
        return f"the {field} is {_excerpt(given)}, not text"
    return f"the {field} {_excerpt(given)} is not usable: {first['msg'].removeprefix('Value error, ')}"


def _excerpt(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else text[:57] + "..."


# --- fitness --------------------------------------------------------------------------------------------------------

WORKS: Final = "poem|ode|haiku|song|lullaby|story|tale|novel|essay|joke|limerick|speech|painting|drawing|picture|letter|biography|summary"
A_WORK: Final = re.compile(
    rf"^(?:(?:an?|one|some)\s+(?:\w+\s+)?(?:{WORKS})s?\s+(?:about|on|of|for|to|in)\b"
    rf"|(?:\w+\s+){{0,2}}(?:{WORKS})s?\s+(?:about|in praise of)\b)",
    re.IGNORECASE,
)
AN_ORDER: Final = re.compile(
    r"^(?:please\s"
    r"|(?:write|explain|translate|summari[sz]e|compose|describe|imagine|solve|generate)\s(?:an?|the|me|us|my|this|that|it|how|why|what)\b"
    r"|(?:draw|paint|sing|tell|show|give|make)\s(?:me|us|my)\b|(?:draw|paint)\san?\s|(?:how|why|what|who|when|where)\s\w+)",
    re.IGNORECASE,
)
ONLY_READ: Final = (
    "viewer|calculator|converter|translator|dictionary|thesaurus|encyclop(?:a)?edia|forecast|dashboard|clock|stopwatch|timer|"
    "screensaver|wallpaper|generator|simulator|visuali[sz]er|ticker|thermometer|barometer|search engine|crossword|horoscope"
)
A_DISPLAY: Final = re.compile(rf"\b(?:{ONLY_READ})s?$", re.IGNORECASE)
SAID_TO_KEEP_NOTHING: Final = re.compile(
    r"\b(?:read[- ]only|stateless|(?:nothing|no (?:data|state|records?)) (?:is|are|gets?) (?:ever )?(?:kept|stored|saved|changed|recorded)|"
    r"(?:only|just|merely|simply) (?:shows?|displays?|looks? at|views?|prints?|reads?)\b|(?:keeps|stores|saves|records|changes) nothing)",
    re.IGNORECASE,
)
CHANGES: Final = re.compile(
    r"\b(?:add|approv|assign|award|bid|book|borrow|buy|cancel|chang|claim|clos|creat|delet|deliver|donat|edit|enrol|enter|fil|hir|"
    r"invoic|issu|join|keep|kept|lend|lent|log|mov|open|order|pay|paid|pledg|post|publish|rais|record|refund|register|renew|rent|report|"
    r"request|reserv|return|review|sav|schedul|sell|sold|sign|stor|submit|subscrib|swap|track|transfer|updat|upload|vot|withdraw)"
    r"[lptg]?(?:e|es|ed|er|ers|ing|ings|s|al|als|ment|ments|ion|ions|ation|ations|lation|lations)?\b",
    re.IGNORECASE,
)


def unfit(scenario: Scenario) -> str:
    """Why no world can be made of the scenario: one that keeps records which people change can. Empty where it is fit.

    A rule of thumb on words. It refuses what is plainly a work, an order, a question or a mere display, and lets the
    rest through, however odd: the gates judge the world itself.
    """
    return next((reason for judge in (_a_request, _a_mere_display) if (reason := judge(scenario))), "")


def _a_request(scenario: Scenario) -> str:
    if scenario.name.endswith(("?", "؟", "？")):
        return "the name is a question; name a place or service where people keep and change records"
    if A_WORK.search(scenario.name):
        return "a single work holds no records that people change; name the place or service that handles such works"
    if AN_ORDER.search(scenario.name) and not CHANGES.search(scenario.description):
        return "the name is a request to do something once; name a place or service where people keep and change records"
    return ""


def _a_mere_display(scenario: Scenario) -> str:
    if SAID_TO_KEEP_NOTHING.search(scenario.description):
        return "by its description it keeps nothing, or only shows things; a world needs records that people change"
    if A_DISPLAY.search(scenario.name) and not CHANGES.search(scenario.description):
        return "it only shows or works something out; say in the description what people add, change or order in it"
    return ""


# --- quotas ---------------------------------------------------------------------------------------------------------


def even_quotas(target: int, have: Mapping[str, int]) -> dict[str, int]:
    """How many scenarios of each category make up the target, as evenly as can be; earlier categories get what is odd.

    What is there already stays, unless the target is smaller than all of it; then each category gives up its surplus.
    """
    short = target < sum(have.values())
    quotas = dict.fromkeys(have, 0) if short else dict(have)
    room = [c for c in have if not short or have[c]]
    for _ in range(target - sum(quotas.values()) if room else 0):
        least = min(room, key=lambda c: quotas[c])
        quotas[least] += 1
        if short and quotas[least] == have[least]:
            room.remove(least)
    return quotas


def shared_quotas(target: int, shares: Mapping[str, float]) -> dict[str, int]:
    """The target divided in proportion to the shares (largest remainders first, then in order).

    Shares that add up to the target are the numbers themselves. Raises InvalidInput on a negative share or none above 0.
    """
    whole = sum(shares.values())
    bad = next((category for category, share in shares.items() if not 0 <= share < float("inf")), None)
    if bad is not None or not whole > 0:
        raise InvalidInput(f"The quota of {bad!r} is {shares[bad]}." if bad is not None else "No category has a quota above 0.", QUOTA_HINT)
    exact = {category: target * share / whole for category, share in shares.items()}
    quotas = {category: int(part) for category, part in exact.items()}
    by_remainder = sorted(exact, key=lambda category: quotas[category] - exact[category])
    return quotas | {category: quotas[category] + 1 for category in by_remainder[: target - sum(quotas.values())]}


QUOTA_HINT: Final = "Give each category a number of 0 or more, and at least one of them more than 0."


# --- filling --------------------------------------------------------------------------------------------------------


class Unfit(NamedTuple):
    """A scenario that was left out, and why."""

    scenario: Scenario
    reason: str


class Pool(NamedTuple):
    """Scenarios that are fit and new; what was left out, and how many of each category could not be found."""

    scenarios: tuple[Scenario, ...]
    duplicates: tuple[Duplicate, ...] = ()
    unfit: tuple[Unfit, ...] = ()
    missing: Mapping[str, int] = {}


class _Filling:
    """A pool as it fills: what is known is embedded once, and every category has its count of barren answers."""

    def __init__(self, embedder: Embedder[Any] | None, known: Iterable[Scenario]) -> None:
        self.known = KnownScenarios(known, embedder)
        self.scenarios: list[Scenario] = []
        self.duplicates: list[Duplicate] = []
        self.unfit: list[Unfit] = []
        self.barren: Counter[str] = Counter()
        self.refused: dict[str, list[str]] = {}

    def counts(self, categories: Iterable[str]) -> dict[str, int]:
        """How many scenarios each category has, the named categories first and in their order."""
        return dict.fromkeys(categories, 0) | Counter(scenario.category for scenario in self.scenarios)

    def names(self, category: str) -> list[str]:
        """The names that the category has so far."""
        return [scenario.name for scenario in self.scenarios if scenario.category == category]

    def take(self, candidates: Iterable[Scenario], room: int) -> int:
        """Take in candidates that are fit and new until the room is full; returns how many."""
        before = len(self.scenarios)
        for candidate in candidates:
            if len(self.scenarios) - before == room:
                break
            self._take(candidate)
        return len(self.scenarios) - before

    def _take(self, candidate: Scenario) -> None:
        if reason := unfit(candidate):
            self.unfit.append(Unfit(candidate, reason))
        elif (duplicate := self.known.admit((candidate,))[0]) is not None:
            self.duplicates.append(duplicate)
            self.refused.setdefault(candidate.category, []).extend((duplicate.nearest.name, candidate.name))
        else:
            self.scenarios.append(candidate)


def fill_to(
    target: int,
    seeds: Sequence[Scenario],
    invent: Invent,
    *,
    quotas: Mapping[str, float] | None = None,
    embedder: Embedder[Any] | None = None,
    known: Iterable[Scenario] = (),
) -> Pool:
    """The seeds that are fit and new, and as many invented ones as bring the pool to the target.

    Categories are the seeds' (the shipped ones where no seed has one), spread evenly; or those of `quotas`, in its
    proportions (seeds of other categories are left out). `known` are scenarios that must not be repeated. A category
    whose answers bring nothing new several times in a row is given up: the others take over its part where the spread
    is even, else it stays missing.
    Deterministic given what `invent` answers. Raises InvalidInput on quotas that cannot be used, and what `invent` raises.
    """
    filling = _Filling(embedder, known)
    fixed = None if quotas is None else shared_quotas(target, quotas)
    categories = tuple(fixed) if fixed is not None else categories_of(seeds)
    _take_seeds(filling, target, seeds, categories, fixed)
    while True:
        missing = _missing(filling, target, categories, fixed)
        open_ = {category: count for category, count in missing.items() if filling.barren[category] < PATIENCE}
        if not open_:
            return Pool(tuple(filling.scenarios), tuple(filling.duplicates), tuple(filling.unfit), missing)
        _ask(filling, max(open_, key=open_.__getitem__), open_, invent)


def categories_of(seeds: Iterable[Scenario]) -> tuple[str, ...]:
    """The seeds' categories in order of appearance; those of the shipped seeds where no seed has one."""
    named = tuple(dict.fromkeys(seed.category for seed in seeds if seed.category))
    return named or tuple(dict.fromkeys(seed.category for seed in shipped_scenarios()))


def _take_seeds(
    filling: _Filling, target: int, seeds: Sequence[Scenario], categories: Sequence[str], fixed: Mapping[str, int] | None
) -> None:
    have = dict.fromkeys(categories, 0) | Counter(seed.category for seed in seeds)
    quotas = fixed if fixed is not None else even_quotas(target, have) if target < len(seeds) else have
    room = dict(quotas)
    for seed in seeds:
        if room.get(seed.category, 0):
            room[seed.category] -= filling.take((seed,), 1)


def _missing(filling: _Filling, target: int, categories: Sequence[str], fixed: Mapping[str, int] | None) -> dict[str, int]:
    have = filling.counts(categories)
    if fixed is not None:
        return {category: quota - have[category] for category, quota in fixed.items() if quota > have[category]}
    live = {category: have[category] for category in categories if filling.barren[category] < PATIENCE}
    others = sum(have.values()) - sum(live.values())
    if not live:
        left = target - sum(have.values())
        return {"": left} if left > 0 else {}
    wanted = even_quotas(target - others, live)
    return {category: quota - have[category] for category, quota in wanted.items() if quota > have[category]}


def _ask(filling: _Filling, category: str, missing: Mapping[str, int], invent: Invent) -> None:
    names = filling.names(category)
    avoid = tuple(dict.fromkeys([*names[-AVOID:], *filling.refused.get(category, [])[-REFUSED:]]))
    room = missing[category]
    count = min(BATCH, room + EXAMPLES * filling.barren[category])  # a wider choice after an answer that brought nothing new
    answer = invent(category, tuple(names[:EXAMPLES]), avoid, count)
    placed = (scenario.model_copy(update={"category": category}) for scenario in answer)
    filling.barren[category] = 0 if filling.take(placed, room) else filling.barren[category] + 1
