"""Whatever an author writes, the gates answer with diagnostics; they never raise."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from artifacts.toolset import Tool
from artifacts.world import Draft
from tasks.gates import diagnose
from tasks.gates.parameter_problems import unusable
from tasks.gates.sealing import accept_tools

PIECES = [
    "",
    "NULL",
    "''",
    ":me",
    ":x",
    "SELECT",
    "(",
    ")",
    ",",
    "*",
    "'",
    '"',
    "--",
    "1e999",
    "NOT",
    "count(*)",
    "ORDER BY",
    "UNION",
    "a.b",
    "é",
    "\0",
    ";",
]


@st.composite
def edits(draw: st.DrawFn, text: str) -> str:
    """The text with one to three of its words taken out, replaced or added to."""
    words = re.findall(r"\w+|\s+|[^\w\s]", text)
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(words) - 1))
        words[index : index + draw(st.integers(0, 1))] = [draw(st.sampled_from(PIECES))]
    return "".join(words)


RELAXED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@RELAXED
@given(data=st.data())
def test_edited_schemas_and_seeds(library: Draft, data: st.DataObject) -> None:
    schema = library.model_copy(update={"schema_sql": data.draw(edits(library.schema_sql))})
    seed = library.model_copy(update={"seed_sql": data.draw(edits(library.seed_sql))})
    for draft, stage in ((schema, "schema"), (seed, "seed")):
        assert all(problem.line() for problem in diagnose(draft, stage))


@RELAXED
@given(data=st.data())
def test_edited_programs(shop: Draft, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(shop.tools) - 1))
    plain = json.dumps(shop.tools[index].canonical()["program"])
    queries = re.findall(r'"(?:require|refuse|let|run|each|return|query)": "([^"]+)"', plain)
    chosen = data.draw(st.sampled_from(queries))
    edited = plain.replace(chosen, json.dumps(data.draw(edits(chosen)))[1:-1], 1)
    tool = Tool.model_validate({**shop.tools[index].canonical(), "program": json.loads(edited)})
    draft = shop.model_copy(update={"tools": (*shop.tools[:index], tool, *shop.tools[index + 1 :])})
    assert all(problem.line() for problem in diagnose(accept_tools(draft), "tools"))
    assert all(problem.line() for problem in diagnose(draft, "agent_tasks"))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
)
KEYWORDS = st.sampled_from(
    ["type", "enum", "minimum", "maximum", "minLength", "maxItems", "items", "required", "properties", "format", "default", "description"]
)


@RELAXED
@given(junk=st.dictionaries(KEYWORDS, JUNK | st.sampled_from(["integer", "string", "array", "object"]), max_size=5))
def test_junk_for_a_parameters_schema(library: Draft, junk: dict[str, Any]) -> None:
    first = library.tools[0]
    properties = {**first.parameters["properties"], "title": junk}
    tool = first.model_copy(update={"parameters": {**first.parameters, "properties": properties}})
    diagnose(accept_tools(library.model_copy(update={"tools": (tool, *library.tools[1:])})), "tools")


@pytest.mark.parametrize(
    ("schema", "trouble"),
    [
        ({"minimum": []}, "'minimum' of the parameters must be a number"),
        ({"enum": []}, "'enum' of the parameters must be a list of texts, numbers or booleans"),
        ({"properties": {"a": {"minimum": 3, "maximum": 1}}}, "'minimum' of 'a' is above its 'maximum'"),
        ({"properties": {"a": {"items": {"minLength": -1}}}}, "'minLength' of the items of 'a' must be a number from 0 to 20000"),
        ({"properties": {"a": 1}}, "'a' must be an object"),
        ({"required": "a"}, "'required' of the parameters must be a list of names"),
    ],
)
def test_ill_formed_schemas_are_named(schema: dict[str, Any], trouble: str) -> None:
    assert unusable(schema) == trouble


def test_a_step_that_is_no_object_is_refused_by_the_noun() -> None:
    with pytest.raises(ValidationError):
        Tool.model_validate({"name": "a_tool", "description": "x", "parameters": {}, "program": [1]})
