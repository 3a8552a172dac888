"""What a run of packaging shows in the workflow server's UI: one table of images, and how it went in short. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.job.cards import Card, Rows, cut

Image = Mapping[str, Any]


def cards(images: Sequence[Image], base: str, store: str) -> tuple[Card, ...]:
    """The cards of a run that has ended."""
    return (
        Card("worldloom-images", "The images of this run", table(images)),
        Card("worldloom-packaging", "The run in short", summary(images, base, store)),
    )


def table(images: Sequence[Image]) -> Rows:
    """A row for each image, with how to run it."""
    rows = [
        {
            "world": image["world_id"],
            "image": image["tags"][0],
            "layer, KB": round(image["layer_bytes"] / 1e3, 1),
            "size, MB": round(image["size_bytes"] / 1e6, 1),
            "made in, s": "there already" if image["seconds"] is None else round(image["seconds"], 2),
            "pushed as": image["pushed_digest"] or "",
            "digest": image["image_digest"],
            "play it": f"docker run -i --rm --read-only --network none {image['tags'][0]}",
        }
        for image in images
    ]
    return cut(rows, "world", len(images))


def counts(images: Sequence[Image]) -> dict[str, int]:
    """How many images there are, were made now, and were pushed."""
    made = sum(image["seconds"] is not None for image in images)
    return {"images": len(images), "made": made, "pushed": sum(image["pushed_digest"] is not None for image in images)}


def summary(images: Sequence[Image], base: str, store: str) -> str:
    """The run in a few lines of Markdown."""
    figures = counts(images)
    there = figures["images"] - figures["made"]
    lines = [
        f"# {figures['images']} images",
        "",
        f"{figures['made']} were made, {there} were there already, {figures['pushed']} were pushed. They share the base `{base}`.",
        "",
        f'Store: `{store}`. `worldloom query "SELECT world_id, tags FROM images" --store {store}` lists all that were ever made.',
    ]
    return "\n".join(lines)
