"""What one run of packaging was asked for; the workflow server's run form is made of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artifacts.noun import Noun
from containers.packaging.package import PREFIX_PATTERN, TAG

WorldName = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class PackageOrder(Noun):
    """Which worlds become images, on what base, under which names, and whether a registry gets them."""

    worlds: tuple[WorldName, ...] = Field(
        default=(),
        max_length=10_000,
        title="Worlds",
        description="Ids of sealed worlds, or enough of their beginnings. None: every world that has no image yet.",
        examples=[["veterinary-clinic-0a1b2c3d4e5f"]],
    )
    base: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        title="Base",
        description="An image with Python 3.11 to build on. None: one made of Debian's packages.",
        examples=["python:3.11-slim"],
    )
    tag: str = Field(
        default=TAG,
        min_length=1,
        max_length=200,
        pattern=f"^{PREFIX_PATTERN}$",
        title="Names start with",
        description="What the images' names start with: a registry, a folder in it.",
        examples=["registry.example.org/worlds"],
    )
    push: bool = Field(default=False, title="Push", description="Send the images to the registry that their names say.")
