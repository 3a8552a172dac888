"""The cards of a packaging run."""

from typing import Any

from tasks.packing.cards import cards, counts, table


def image(world: str, **other: Any) -> dict[str, Any]:
    plain = {
        "world_id": world,
        "tags": (f"worldloom/{world}:1",),
        "layer_bytes": 51_234,
        "size_bytes": 102_000_000,
        "image_digest": "sha256:1",
    }
    return {**plain, "seconds": 0.1234, "pushed_digest": None, **other}


IMAGES = [image("one"), image("two", seconds=None), image("three", pushed_digest="sha256:9")]


def test_what_was_there_is_told_from_what_was_made() -> None:
    assert counts(IMAGES) == {"images": 3, "made": 2, "pushed": 1}
    assert [row["made in, s"] for row in table(IMAGES)] == [0.12, "there already", 0.12]
    assert [row["pushed as"] for row in table(IMAGES)] == ["", "", "sha256:9"]


def test_the_table_is_cut_and_says_so() -> None:
    rows = table([image(f"world-{number}") for number in range(450)])
    assert len(rows) == 201
    assert "250 more" in rows[-1]["world"]


def test_the_summary_says_how_to_look_further() -> None:
    _, summary = cards(IMAGES, "worldloom/base:abc", "./loom")
    assert isinstance(summary.content, str)
    assert "2 were made, 1 were there already, 1 were pushed" in summary.content
    assert "--store ./loom" in summary.content
