"""What every world's image shares: Python 3.11, the packages that the server imports, and the server. Nothing else: no shell, no pip.

The system below comes from a registry's image where one is named and reachable, and else from Debian's packages
(`mmdebstrap`), with no registry at all. The packages are the ones that this process runs on, file by file.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

from artifacts.errors import InvalidInput, ServerUnavailable
from containers.packaging.layers import Entry, Layer, Tree, layer_of, tree_of_tar, with_bytecode

DEBIAN_SUITE = "bookworm"
DEBIAN_PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib")
DEBIAN = "debian"
"""The name of the base that is made of Debian's packages."""

SERVER_PACKAGES = ("mcp", "pydantic", "apsw", "prometheus-client")
SERVER_CODE = ("artifacts", "containers")
CODE_LEFT_OUT = re.compile(r"containers/(packaging/|conformance/|pool|client)")
"""Our own code that no server imports: what builds images, what tests, and what speaks to a server."""

LIBRARY = "opt/worldloom"
USER = 10001
"""The user that a container runs as, by number, so that Kubernetes can see that it is not root."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

_SYSTEM_LEFT_OUT = re.compile(
    r"(usr/)?s?bin/(?!python3\.11$)|boot/|dev/|run/|tmp/|var/|usr/share/(?!doc/[^/]+/copyright$|zoneinfo/)|usr/include/|usr/local/"
    r"|usr/lib/[^/]+/gconv/|usr/lib/(apt|dpkg|tmpfiles\.d|systemd|mime)/|lib/systemd/|etc/(apt|cron|dpkg|logrotate|alternatives|rmt|fstab|hostname|resolv)"
    r"|usr/lib/python3\.11/(test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|distutils|pydoc_data|unittest|venv|config-|__pycache__)"
)
_PACKAGE_LEFT_OUT = re.compile(
    r"(^|/)(__pycache__|tests?|testing|sqlite_extra_binaries)/|\.(pyc|pyi|c|h|pxd|pyx|rs)$|/(RECORD|INSTALLER|REQUESTED|direct_url\.json)$|^\.\.|\.pth$"
)


def can_make_debian() -> bool:
    """Whether this machine can make a system of Debian's packages."""
    return shutil.which("mmdebstrap") is not None


def debian_recipe() -> list[str]:
    """What decides the system's files besides Debian's own news."""
    return [DEBIAN_SUITE, *DEBIAN_PACKAGES, _SYSTEM_LEFT_OUT.pattern, str(USER)]


def debian_layer(folder: Path) -> Layer:
    """A system of Debian's packages, in less than a minute; raises ServerUnavailable where `mmdebstrap` or its mirror is not there."""
    tool = shutil.which("mmdebstrap")
    if tool is None:
        raise ServerUnavailable("mmdebstrap is not installed.", "`apt-get install mmdebstrap`, or name a registry's image with --base.")
    target = folder / "system.tar"
    command = [tool, "--quiet", "--variant=extract", f"--include={','.join(DEBIAN_PACKAGES)}", DEBIAN_SUITE, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (nothing of it comes from outside)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise ServerUnavailable(f"Debian's packages cannot be had: {last}.", "Name a registry's image with --base.")
    return layer_of(with_bytecode(system_tree(tree_of_tar(target.read_bytes()))), {"tmp": (0o1777, 0)})


def system_tree(found: Tree) -> dict[str, Entry]:
    """Of a Debian system what Python needs to run, and the licences; no shell and no package manager."""
    kept = {path: entry for path, entry in found.items() if not _SYSTEM_LEFT_OUT.match(path)}
    passwd = f"root:x:0:0::/:/none\nworldloom:x:{USER}:{USER}::/:/none\n"
    group = f"root:x:0:\nworldloom:x:{USER}:\n"
    return {**kept, "etc/passwd": Entry(passwd.encode()), "etc/group": Entry(group.encode())}


def server_layer() -> Layer:
    """The server's packages and the server itself, from this process's own installation; raises InvalidInput on another platform."""
    require_same_platform()
    tree = {path: entry for package in closure(SERVER_PACKAGES) for path, entry in package_files(package)}
    code = {path: entry for name in SERVER_CODE for path, entry in code_files(name)}
    return layer_of(with_bytecode({f"{LIBRARY}/{path}": entry for path, entry in {**tree, **code}.items()}))


def require_same_platform() -> None:
    """Raises InvalidInput where this machine's packages would not run in a container."""
    if sys.platform != "linux" or sys.version_info[:2] != (3, 11) or platform.machine() not in ARCHITECTURES:
        raise InvalidInput(
            "Images are made from the packages installed here, which are not those of Python 3.11 on Linux.",
            "Run `worldloom package` on Linux, in a container for example.",
        )


def architecture() -> str:
    """This machine's architecture as images name it."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def closure(names: Sequence[str]) -> list[Distribution]:
    """The distributions of that name and all that they need here, sorted; raises InvalidInput where one is not installed."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        key = re.sub(r"[-_.]+", "-", wanted.name).lower()
        fresh = key not in found
        found.setdefault(key, _installed(wanted.name))
        if fresh or wanted.extras:
            waiting += [need for need in _needs(found[key], wanted.extras) if fresh or need.name not in found]
    return [found[key] for key in sorted(found)]


def _needs(package: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for text in package.requires or ():
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield need


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise InvalidInput(f"The server needs '{name}', which is not installed here.", "Run `make setup`.") from error


def package_files(package: Distribution) -> Iterator[tuple[str, Entry]]:
    """An installed distribution's files but its tests, its commands and what `pip` notes about this machine."""
    for file in package.files or ():
        if not _PACKAGE_LEFT_OUT.search(file.as_posix()):
            yield file.as_posix(), Entry(Path(str(file.locate())).read_bytes())


def code_files(name: str) -> Iterator[tuple[str, Entry]]:
    """The Python files of one of our own packages that a server needs."""
    top = Path(__file__).parents[2]
    for file in sorted((top / name).rglob("*.py")):
        path = PurePosixPath(file.relative_to(top)).as_posix()
        if not CODE_LEFT_OUT.match(path):
            yield path, Entry(file.read_bytes())
