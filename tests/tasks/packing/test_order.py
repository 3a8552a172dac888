"""What the run form of `package/new-worlds` takes, and what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from artifacts.errors import InvalidInput
from containers.packaging.package import named_well
from tasks.packing.order import PackageOrder


def test_nothing_named_is_an_order_for_all_that_have_no_image() -> None:
    assert PackageOrder() == PackageOrder(worlds=(), base=None, tag="worldloom", push=False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("worlds", ["Veterinary Clinic"]),
        ("worlds", [""]),
        ("worlds", ["../../etc"]),
        ("tag", "No Name"),
        ("tag", ""),
        ("base", ""),
        ("puhs", True),
    ],
)
def test_nonsense_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        PackageOrder.model_validate({field: value})
    assert refused.value.errors()[0]["loc"][0] == field


@given(st.text("abz09._-:/", max_size=20))
def test_the_form_and_the_command_agree_on_names(prefix: str) -> None:
    try:
        PackageOrder(tag=prefix)
        taken = True
    except ValidationError:
        taken = False
    try:
        named_well(prefix)
    except InvalidInput:
        assert not taken
    else:
        assert taken


def test_every_field_of_the_form_says_what_it_is() -> None:
    schema = PackageOrder.model_json_schema()
    assert all(field["title"] and field["description"] for field in schema["properties"].values())
