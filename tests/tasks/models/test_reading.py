"""What is read out of answers: exactly the complete, valid parts, whatever stands around them or wherever they are cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tasks.models.reading import read_list, read_sections, read_value


class Part(BaseModel):
    name: str
    steps: list[dict[str, Any]] = []


names = st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
parts = st.lists(
    st.builds(lambda name, steps: {"name": name, "steps": steps}, names, st.lists(st.dictionaries(names, values, max_size=2), max_size=2)),
    min_size=1,
    max_size=5,
)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def ends_of(elements: list[Any]) -> list[int]:
    """Where each element ends in the compact form of the array."""
    at, ends = 1, []
    for element in elements:
        at += len(compact(element))
        ends.append(at)
        at += 1
    return ends


@given(parts, st.data())
def test_an_array_cut_anywhere_keeps_exactly_its_complete_elements(elements: list[dict[str, Any]], data: st.DataObject) -> None:
    text = compact(elements)
    cut = data.draw(st.integers(1, len(text) - 1))
    found, problems = read_list("parts", text[:cut], Part)
    whole = sum(end <= cut for end in ends_of(elements))
    assert [part.model_dump() for part in found] == elements[:whole]
    assert [problem.code for problem in problems] == ["json.truncated"]
    assert f"after {whole} complete" in problems[0].message


@given(parts)
def test_a_whole_array_has_no_problems(elements: list[dict[str, Any]]) -> None:
    found, problems = read_list("parts", compact(elements), Part)
    assert ([part.model_dump() for part in found], problems) == (elements, [])


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5), st.data())
def test_an_array_of_texts_cut_anywhere_keeps_its_complete_texts(elements: list[str], data: st.DataObject) -> None:
    text = compact(elements)
    cut = data.draw(st.integers(1, len(text) - 1))
    found, problems = read_list("texts", text[:cut], str)
    assert found == elements[: sum(end <= cut for end in ends_of(elements))]
    assert [problem.code for problem in problems] == ["json.truncated"]


@pytest.mark.parametrize(
    "around",
    [
        "Sure! Here are the parts [as asked]:\n{}",
        "```json\n{}\n```",
        "Here you go:\n```\n{}\n```\nTell me if you need more.",
        '{{"parts":{}}}',
        '```json\n{{"parts": {}}}\n```',
        "{}\n\nThat is all.",
    ],
)
def test_prose_fences_and_wrappers_around_the_array_are_passed_over(around: str) -> None:
    elements = [{"name": "a", "steps": [{"x": 1}]}, {"name": "b", "steps": []}]
    found, problems = read_list("parts", around.format(compact(elements)), Part)
    assert [part.model_dump() for part in found] == elements
    assert problems == []


def test_objects_on_lines_without_brackets_are_read() -> None:
    found, problems = read_list("parts", '{"name":"a"}\n{"name":"b"}\nDone.', Part)
    assert [part.name for part in found] == ["a", "b"]
    assert problems == []


def test_a_wrapping_object_that_is_cut_keeps_its_complete_elements() -> None:
    found, problems = read_list("parts", '{"parts":[{"name":"a"},{"name":"b","st', Part)
    assert [part.name for part in found] == ["a"]
    assert 'inside "b"' in problems[0].message


def test_a_bad_element_costs_only_itself() -> None:
    text = '[{"name":"a"},{"title":"no name"},{"name":"c"},7]'
    found, problems = read_list("parts", text, Part)
    assert [part.name for part in found] == ["a", "c"]
    assert [(problem.code, problem.place) for problem in problems] == [
        ("json.element", "answer/parts/1"),
        ("json.element", "answer/parts/3"),
    ]


def test_damage_inside_an_element_costs_only_that_element() -> None:
    text = '[{"name":"a"},{"name":"b","steps":[{"x":"an "unescaped" quote"}]},{"name":"c"}]'
    found, problems = read_list("parts", text, Part)
    assert [part.name for part in found] == ["a", "c"]
    assert [problem.code for problem in problems] == ["json.damaged"]
    assert '"b"' in problems[0].message


def test_nothing_is_guessed_into_broken_json() -> None:
    found, problems = read_list("parts", "[{'name': 'a'}]", Part)
    assert found == []
    assert [problem.code for problem in problems] == ["json.damaged"]


def test_an_answer_without_json_says_so() -> None:
    found, problems = read_list("parts", "I would rather talk about it.", Part)
    assert (found, problems[0].code) == ([], "json.missing")


def test_sections_are_told_apart_by_their_headers() -> None:
    answer = "Well.\n[[ ## one ## ]]\nfirst\n\n[[ ## two ## ]]\n[1]\n[[ ## completed ## ]]\nbye"
    sections, problems = read_sections(answer, ("one", "two"))
    assert (sections["one"], sections["two"], problems) == ("first", "[1]", [])


def test_headers_in_markdown_are_headers() -> None:
    sections, problems = read_sections("**[[ ## one ## ]]**\nfirst", ("one",))
    assert (sections["one"], problems) == ("first", [])


def test_a_lone_section_may_come_without_its_header() -> None:
    sections, problems = read_sections('[{"name":"a"}]', ("parts",))
    assert (sections, problems) == ({"parts": '[{"name":"a"}]'}, [])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("", "answer.empty"),
        (" \n ", "answer.empty"),
        ("I'm sorry, but I can't help with that.", "answer.refused"),
        ("[[ ## other ## ]]\nx", "answer.missing_section"),
    ],
)
def test_what_is_no_answer_is_told_apart(answer: str, code: str) -> None:
    sections, problems = read_sections(answer, ("one",))
    assert "one" not in sections
    assert [problem.code for problem in problems] == [code]


def test_text_is_taken_out_of_its_fence() -> None:
    value, problems = read_value("ddl", "Here:\n```sql\nCREATE TABLE a (id INTEGER);\n```\nDone", str)
    assert (value, problems) == ("CREATE TABLE a (id INTEGER);", [])


@given(st.text(max_size=300))
def test_no_text_whatever_raises(text: str) -> None:
    sections, _ = read_sections(text, ("parts", "ddl"))
    read_value("parts", sections.get("parts", text), list[Part])
    read_value("ddl", sections.get("ddl"), str)


@given(st.text(alphabet='[]{}",:a1 \n\\', max_size=60))
def test_no_near_json_raises(text: str) -> None:
    read_list("parts", text, Part)
    read_list("parts", text, str)
