"""Reading scenarios, judging their fitness, and filling a pool to a target."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifacts.errors import InvalidInput
from artifacts.scenario import Scenario
from tasks.scenarios.pool import (
    BATCH,
    PATIENCE,
    Invent,
    categories_of,
    even_quotas,
    fill_to,
    load_scenarios,
    scenario_lines,
    shared_quotas,
    shipped_scenarios,
    unfit,
)

# --- the shipped seeds ------------------------------------------------------------------------------------------------


def test_there_are_a_hundred_seeds_over_more_than_twenty_categories() -> None:
    seeds = shipped_scenarios()
    assert len(seeds) == len({seed.name for seed in seeds}) == len({seed.slug for seed in seeds}) == 100
    assert len(categories_of(seeds)) == 25
    assert max(Counter(seed.category for seed in seeds).values()) <= 6


def test_each_seed_is_fit_and_described_in_one_to_three_sentences() -> None:
    for seed in shipped_scenarios():
        assert unfit(seed) == ""
        assert 1 <= seed.description.count(". ") + 1 <= 3
        assert seed.description.endswith(".")
        assert 20 <= len(seed.description.split()) <= 60


# --- reading ----------------------------------------------------------------------------------------------------------


def write(folder: Path, *lines: str) -> Path:
    path = folder / "mine.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_blank_lines_a_byte_order_mark_and_missing_fields_are_fine(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeff{"name": "Toy library"}', "", '  {"name": "Blood  bank", "category": "health"}\r', "")
    assert load_scenarios(path) == (Scenario(name="Toy library"), Scenario(name="Blood bank", category="health"))


GOOD = '{"name": "Toy library"}'
DEEP = "[" * 50_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"name": "x"', r"not JSON \(Expecting ',' delimiter at column 13\)"),
        ("Veterinary clinic", r"not JSON"),
        (DEEP, r"not JSON \(nested too deeply\)"),
        ('["Veterinary clinic"]', r"a list instead of a JSON object"),
        ('"Veterinary clinic"', r"a str instead of a JSON object"),
        ("{}", r"the name is missing.*Each line is a JSON object such as"),
        ('{"name": "A", "descripton": "x"}', r'unknown field "descripton"\. Did you mean \'description\'\?'),
        ('{"name": "A", "zzz": 1}', r'unknown field "zzz"\. The fields are: name, description, category'),
        ('{"name": 7}', r"the name is 7, not text"),
        ('{"name": null}', r"the name is null, not text"),
        ('{"name": "A", "description": ["x"]}', r'the description is \["x"\], not text'),
        ('{"name": ""}', r'the name "" is not usable: String should have at least 1 character'),
        ('{"name": "  "}', r"has no letter or digit"),
        ('{"name": "../etc"}', r"looks like a path"),
        ('{"name": "a\\u0007b"}', r"holds the control character U\+0007"),
        ('{"name": "a\\ud800b"}', r"holds the control character U\+D800|not usable"),
        (json.dumps({"name": "n" * 10_000}), r"the name has 10,000 characters; at most 120 are allowed"),
        (json.dumps({"name": "n", "description": "d" * 2_001}), r"the description has 2,001 characters; at most 2,000 are allowed"),
        (json.dumps({"name": "n", "category": "c" * 61}), r"the category has 61 characters; at most 60 are allowed"),
        (json.dumps({"name": "n", "description": "d" * 200_000}), r"the line has 200,\d{3} characters; at most 100,000 are read"),
        ('{"name": "toy LIBRARY"}', r"the name 'toy LIBRARY' was on line 1 already"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_number_and_a_hint(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path, GOOD, "", line)
    with pytest.raises(InvalidInput, match=message) as caught:
        load_scenarios(path)
    assert caught.value.message.startswith(f"{path}:3: ")
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert len(caught.value.message) < len(str(path)) + 250


def test_files_that_cannot_be_read_are_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        load_scenarios(tmp_path / "none.jsonl")
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        load_scenarios(tmp_path)
    (tmp_path / "latin.jsonl").write_bytes(b'{"name": "Caf\xe9"}')
    with pytest.raises(InvalidInput, match=r"is not UTF-8 text \(byte 13\)"):
        load_scenarios(tmp_path / "latin.jsonl")
    with pytest.raises(InvalidInput, match="holds no scenarios"):
        load_scenarios(write(tmp_path, "", "  "))


def test_written_scenarios_are_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text(scenario_lines(shipped_scenarios()), "utf-8")
    assert load_scenarios(path) == shipped_scenarios()


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_a_line_holds_it_is_read_or_refused_cleanly(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes((GOOD + "\n" + line).encode("utf-8", "surrogatepass"))
    try:
        assert load_scenarios(path)[0] == Scenario(name="Toy library")
    except InvalidInput as error:
        assert error.hint  # noqa: PT017  either outcome is right, so pytest.raises does not fit


# --- fitness ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("A poem about the sea", ""),
        ("A short story on friendship", ""),
        ("Song about rain", "A song that people sing and record."),
        ("Write a haiku", ""),
        ("Explain how bees dance", ""),
        ("Tell me a joke", ""),
        ("How to bake bread", ""),
        ("What is a blood bank?", ""),
        ("Weather viewer", ""),
        ("Weather viewer", "Shows the forecast of the week for a town."),
        ("Currency converter", "Works out how many euros a dollar is."),
        ("World clock", ""),
        ("Mortgage calculator", ""),
        ("Stock price ticker", ""),
        ("Bus departures", "A read-only board of the next departures."),
        ("Star map", "It only shows the sky; nothing is stored."),
    ],
)
def test_what_keeps_no_records_is_refused_with_a_reason(name: str, description: str) -> None:
    assert len(unfit(Scenario(name=name, description=description))) > 20


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("Beekeeping cooperative", ""),
        ("Blood bank", ""),
        ("Film festival submissions", ""),
        ("Model-railway club", ""),
        ("Poetry magazine submissions", ""),
        ("Song rights agency", ""),
        ("Story hour at the library", ""),
        ("Letter delivery", ""),
        ("Clock repair workshop", ""),
        ("Town clock maintenance", ""),
        ("Calculator museum", ""),
        ("Driving simulator centre", ""),
        ("Weather station network", ""),
        ("Weather viewer", "Volunteers report rain and storms, add photos and vote on reports."),
        ("Flight simulator", "Pilots book hours and instructors sign them off."),
        ("Write-off desk", ""),
        ("Give a Dog a Home", ""),
        ("Can recycling depot", ""),
        ("Show jumping stable", ""),
        ("Make-up studio", ""),
        ("Picture framing", ""),
        ("Summary court docket", ""),
        ("養蜂組合", ""),
        ("X", ""),
    ],
)
def test_odd_but_sensible_names_are_fit(name: str, description: str) -> None:
    assert unfit(Scenario(name=name, description=description)) == ""


# --- quotas -----------------------------------------------------------------------------------------------------------


def test_even_quotas_level_what_is_there() -> None:
    assert even_quotas(10, {"a": 0, "b": 0, "c": 0}) == {"a": 4, "b": 3, "c": 3}
    assert even_quotas(10, {"a": 7, "b": 0, "c": 1}) == {"a": 7, "b": 2, "c": 1}
    assert even_quotas(4, {"a": 7, "b": 1, "c": 2}) == {"a": 2, "b": 1, "c": 1}
    assert even_quotas(0, {"a": 1}) == {"a": 0}
    assert even_quotas(5, {}) == {}


CATEGORIES = st.sampled_from(["retail", "health", "travel", "farm", "arts"])


@given(st.integers(0, 80), st.dictionaries(CATEGORIES, st.integers(0, 15), min_size=1))
def test_even_quotas_make_up_the_target_and_are_level(target: int, have: dict[str, int]) -> None:
    quotas = even_quotas(target, have)
    assert sum(quotas.values()) == target
    assert list(quotas) == list(have)
    if target >= sum(have.values()):
        assert all(quotas[c] >= have[c] for c in have)
        grown = [quotas[c] for c in have if quotas[c] > have[c]]
        assert not grown or max(grown) <= min(quotas.values()) + 1
    else:
        assert all(quotas[c] <= have[c] for c in have)
        cut = [quotas[c] for c in have if quotas[c] < have[c]]
        assert not cut or max(quotas.values()) <= min(cut) + 1


def test_shares_that_add_up_to_the_target_are_the_numbers() -> None:
    assert shared_quotas(6, {"a": 1, "b": 5}) == {"a": 1, "b": 5}
    assert shared_quotas(10, {"a": 1, "b": 1, "c": 1}) == {"a": 4, "b": 3, "c": 3}
    assert shared_quotas(10, {"a": 0, "b": 0.5}) == {"a": 0, "b": 10}


@given(st.integers(0, 500), st.dictionaries(CATEGORIES, st.integers(0, 20), min_size=1).filter(lambda d: any(d.values())))
def test_shared_quotas_make_up_the_target(target: int, shares: dict[str, int]) -> None:
    quotas = shared_quotas(target, shares)
    assert sum(quotas.values()) == target
    assert all(abs(quotas[c] - target * shares[c] / sum(shares.values())) < 1 for c in shares)


@pytest.mark.parametrize("shares", [{}, {"a": 0}, {"a": -1, "b": 3}, {"a": float("nan")}, {"a": float("inf")}])
def test_quotas_that_make_no_sense_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="quota"):
        shared_quotas(10, shares)


# --- filling ----------------------------------------------------------------------------------------------------------


def word(number: int) -> str:
    """A made-up word that shares few letters with its neighbours."""
    return "".join(chr(ord("a") + digit % 26) for digit in hashlib.sha256(str(number).encode()).digest()[:9])


def made_up(number: int, category: str = "") -> Scenario:
    """A scenario unlike any other number's."""
    words = [word(number * 10 + i) for i in range(10)]
    return Scenario(name=" ".join(words[:2]), description=" ".join(words[2:]) + ".", category=category)


class Inventor:
    """Gives fresh scenarios and remembers what it was asked."""

    def __init__(self, dry: Sequence[str] = ()) -> None:
        self.asked: list[tuple[str, tuple[str, ...], tuple[str, ...], int]] = []
        self._dry = dry
        self._next = 0

    def __call__(self, category: str, examples: Sequence[str], avoid: Sequence[str], count: int) -> Sequence[Scenario]:
        self.asked.append((category, tuple(examples), tuple(avoid), count))
        if category in self._dry:
            return []
        self._next += count
        return [made_up(n) for n in range(self._next - count, self._next)]


def test_the_seeds_are_filled_to_a_thousand_evenly() -> None:
    inventor = Inventor()
    pool = fill_to(1_000, shipped_scenarios(), inventor)
    assert len(pool.scenarios) == 1_000
    assert pool.scenarios[:100] == shipped_scenarios()
    assert (pool.missing, pool.unfit) == ({}, ())
    assert set(Counter(s.category for s in pool.scenarios).values()) == {40}
    assert all(count <= BATCH for *_, count in inventor.asked)


def test_the_same_answers_give_the_same_pool() -> None:
    assert fill_to(150, shipped_scenarios(), Inventor()) == fill_to(150, shipped_scenarios(), Inventor())


def test_a_smaller_target_takes_the_seeds_evenly_and_asks_nobody() -> None:
    inventor = Inventor()
    pool = fill_to(30, shipped_scenarios(), inventor)
    assert len(pool.scenarios) == 30
    assert set(Counter(s.category for s in pool.scenarios).values()) == {1, 2}
    assert inventor.asked == []


def test_quotas_are_kept_and_other_categories_left_out() -> None:
    pool = fill_to(12, shipped_scenarios(), Inventor(), quotas={"health": 9, "zoo": 3})
    assert Counter(s.category for s in pool.scenarios) == {"health": 9, "zoo": 3}


def test_a_request_names_what_there_is() -> None:
    inventor = Inventor()
    fill_to(110, shipped_scenarios(), inventor)
    category, examples, avoid, count = inventor.asked[0]
    names = tuple(s.name for s in shipped_scenarios() if s.category == category)
    assert examples == names[:5]
    assert set(names) <= set(avoid)
    assert count >= 1


def test_a_dry_category_is_given_up_and_the_others_take_over() -> None:
    seeds = (made_up(900, "a"), made_up(901, "b"))
    inventor = Inventor(dry=["a"])
    pool = fill_to(20, seeds, inventor)
    assert Counter(s.category for s in pool.scenarios) == {"a": 1, "b": 19}
    assert sum(1 for category, *_ in inventor.asked if category == "a") == PATIENCE
    assert pool.missing == {}


def test_a_dry_category_stays_missing_where_quotas_are_given() -> None:
    pool = fill_to(10, (), Inventor(dry=["a"]), quotas={"a": 4, "b": 6})
    assert Counter(s.category for s in pool.scenarios) == {"b": 6}
    assert pool.missing == {"a": 4}


@pytest.mark.parametrize(
    "invent",
    [
        lambda category, examples, avoid, count: [],
        lambda category, examples, avoid, count: [Scenario(name="A poem about rain")] * count,
        lambda category, examples, avoid, count: [shipped_scenarios()[0]] * count,
    ],
    ids=["nothing", "unfit", "known"],
)
def test_a_model_that_gives_nothing_new_is_not_asked_for_ever(invent: Invent) -> None:
    pool = fill_to(130, shipped_scenarios(), invent)
    assert len(pool.scenarios) == 100
    assert sum(pool.missing.values()) == 30


def test_what_is_left_out_is_kept_with_its_reason_and_avoided_next_time() -> None:
    near = Scenario(name="Toy library of the town", description="Parents borrow toys and puzzles.", category="clubs")
    seeds = (Scenario(name="Toy library", description="Parents borrow toys and puzzles.", category="clubs"), near)
    inventor = Inventor()
    pool = fill_to(3, (*seeds, Scenario(name="A poem about toys", category="clubs")), inventor)
    assert [(d.scenario, d.nearest) for d in pool.duplicates] == [(near, seeds[0])]
    assert [u.scenario.name for u in pool.unfit] == ["A poem about toys"]
    assert len(pool.scenarios) == 3
    assert {"Toy library", "Toy library of the town"} <= set(inventor.asked[0][2])


def test_what_others_know_is_not_repeated() -> None:
    pool = fill_to(5, (made_up(3, "a"), made_up(4, "a")), Inventor(), known=[made_up(n) for n in range(4)])
    assert len(pool.scenarios) == 5
    assert not {made_up(n).name for n in range(4)} & {s.name for s in pool.scenarios}


def test_names_without_categories_are_kept_and_the_shipped_categories_asked_for() -> None:
    inventor = Inventor()
    pool = fill_to(4, (made_up(700), made_up(701)), inventor)
    assert [s.category for s in pool.scenarios] == ["", "", "retail", "health"]


def test_an_answer_longer_than_asked_for_is_cut() -> None:
    pool = fill_to(3, (made_up(1, "a"),), lambda category, examples, avoid, count: [made_up(n) for n in range(10, 40)])
    assert len(pool.scenarios) == 3


@given(st.integers(0, 25), st.lists(st.tuples(CATEGORIES, st.integers(0, 12)), max_size=12), st.lists(CATEGORIES, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_pool_never_exceeds_its_target_and_accounts_for_the_rest(target: int, chosen: list[tuple[str, int]], dry: list[str]) -> None:
    seeds = tuple(made_up(500 + number, category) for category, number in chosen)
    pool = fill_to(target, seeds, Inventor(dry))
    assert len(pool.scenarios) + sum(pool.missing.values()) == target
    assert len({s.name for s in pool.scenarios}) == len(pool.scenarios)
