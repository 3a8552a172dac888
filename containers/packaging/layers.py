"""Layers: tar archives that are the same bytes for the same files, wherever and whenever they are written. Pure."""

from __future__ import annotations

import importlib.util
import io
import marshal
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

from artifacts.identity import digest_of_bytes

UNCHECKED_HASH = (1).to_bytes(4, "little")
"""The flag of bytecode that is taken without a look at its source (PEP 552): a read-only image cannot change."""


class Entry(NamedTuple):
    """A file, or a link where `target` is given; `mode` are its permission bits and `owner` its user and group."""

    data: bytes = b""
    target: str = ""
    mode: int = 0o444
    owner: int = 0


Tree = Mapping[str, Entry]
"""Path in the image, without a leading slash, to what is there."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: an uncompressed tar."""

    data: bytes

    @cached_property
    def digest(self) -> str:
        """`sha256:` and the digest of the tar: what the image format calls its diff id."""
        return f"sha256:{digest_of_bytes(self.data)}"

    @property
    def size(self) -> int:
        """Bytes of the tar."""
        return len(self.data)


def layer_of(tree: Tree, folders: Mapping[str, tuple[int, int]] | None = None) -> Layer:
    """The tree as a layer: sorted, no times, no names of users. `folders` gives mode and owner of some folders (0755, root)."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted({*tree, *_folders_of(tree), *(folders or {})}):
            info, data = _member(path, tree.get(path), (folders or {}).get(path, (0o755, 0)))
            archive.addfile(info, io.BytesIO(data))
    return Layer(data=sink.getvalue())


def _member(path: str, entry: Entry | None, folder: tuple[int, int]) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path)
    if entry is None:
        info.type, (info.mode, info.uid) = tarfile.DIRTYPE, folder
    elif entry.target:
        info.type, info.linkname, info.mode, info.uid = tarfile.SYMTYPE, entry.target, 0o777, entry.owner
    else:
        info.size, info.mode, info.uid = len(entry.data), entry.mode, entry.owner
    info.gid = info.uid
    return info, entry.data if entry is not None and not entry.target else b""


def _folders_of(paths: Iterable[str]) -> set[str]:
    return {str(parent) for path in paths for parent in PurePosixPath(path).parents if str(parent) != "."}


def tree_of_tar(data: bytes) -> dict[str, Entry]:
    """The files and links of a tar that holds a root file system; devices and folders are left to the container engine."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return dict(_entries(archive))


def _entries(archive: tarfile.TarFile) -> Iterator[tuple[str, Entry]]:
    for info in archive:
        path = info.name.removeprefix("./")
        if info.issym():
            yield path, Entry(target=info.linkname)
        elif info.isreg() or info.islnk():
            file = archive.extractfile(info)
            yield path, Entry(file.read() if file else b"", mode=0o555 if info.mode & 0o111 else 0o444)


def with_bytecode(tree: Tree) -> dict[str, Entry]:
    """The tree with the bytecode of every Python file in it, so that a read-only image starts quickly.

    Marshal's version 2 keeps no references, so that the bytes do not depend on what else the process holds in memory.
    """
    found = dict(tree)
    for path, entry in tree.items():
        if path.endswith(".py") and not entry.target:
            code = _bytecode(path, entry.data)
            pure = PurePosixPath(path)
            if code is not None:
                found[str(pure.parent / "__pycache__" / f"{pure.stem}.cpython-311.pyc")] = Entry(code)
    return found


def _bytecode(path: str, source: bytes) -> bytes | None:
    try:
        code = compile(source, f"/{path}", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):  # a template, or source in no known encoding: what cannot be compiled is not imported either
        return None
    return importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source) + marshal.dumps(code, 2)
