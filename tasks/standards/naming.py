"""Names of data sets as OpenLineage gives them: a namespace and a name, and never a key or a password of an address.

https://openlineage.io/docs/spec/naming
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from artifacts.files import local_path, scheme_of

_IN_A_CHAIN = re.compile(r"^(?:[a-z0-9+.-]+::)+", re.IGNORECASE)


class DatasetName(NamedTuple):
    """What tells a data set from all others."""

    namespace: str
    name: str


SCENARIOS = DatasetName("worldloom", "scenarios")
"""The scenarios that come with Worldloom, and those that it invents."""


def name_below(store: str, path: str = "") -> DatasetName:
    """The name of a table or file below a store's folder or URL: `file` and its path, or `s3://bucket` and its key."""
    folder = local_path(store)
    if folder is not None:
        return DatasetName("file", posixpath.join(folder.as_posix(), path).rstrip("/"))
    url = urlsplit(_IN_A_CHAIN.sub("", store))
    place = posixpath.join(url.path.strip("/"), path).strip("/")
    return DatasetName(f"{url.scheme or scheme_of(store)}://{_host(url.netloc)}", place or "/")


def table_name(store: str, table: str) -> DatasetName:
    """The name of one of a store's tables."""
    return name_below(store, f"tables/{table}")


def _host(netloc: str) -> str:
    """The host without what is said before an @: a user's name, a key, a password."""
    return netloc.rpartition("@")[2]
