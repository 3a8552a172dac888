"""What images are made of, with no engine at hand: the same bytes for the same files, and nothing in them that is not needed."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from artifacts.errors import InvalidInput
from containers.packaging import base
from containers.packaging.conformance import SHOP_WORLD
from containers.packaging.engine import repository_and_tag
from containers.packaging.image import Image, archive_of, layers_in
from containers.packaging.layers import Entry, Layer, layer_of, tree_of_tar, with_bytecode
from containers.packaging.package import Base, image_tags, named_well, world_image, world_layer

GROUND = Base(Image("amd64", ("sha256:1",), {"Env": ["A=1"], "User": "10001:10001", "Labels": {"below": "x"}}), "b:1", "debian-bookworm")


@pytest.fixture(scope="module")
def server() -> dict[str, Entry]:
    return tree_of_tar(base.server_layer().data)


def test_a_layer_tells_nothing_of_when_and_by_whom_it_was_written() -> None:
    files = {"b/two": Entry(b"2", mode=0o400, owner=7), "a": Entry(b"1"), "b/link": Entry(target="two")}
    layer = layer_of(files, {"b": (0o500, 7)})
    assert layer.digest == layer_of(dict(reversed(files.items())), {"b": (0o500, 7)}).digest
    with tarfile.open(fileobj=io.BytesIO(layer.data)) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == ["a", "b", "b/link", "b/two"]
    assert [(member.mode, member.uid, member.gid) for member in members] == [(0o444, 0, 0), (0o500, 7, 7), (0o777, 0, 0), (0o400, 7, 7)]
    assert {(member.mtime, member.uname, member.gname) for member in members} == {(0, "", "")}


def test_one_byte_more_is_another_layer_and_another_image() -> None:
    one, two = layer_of({"a": Entry(b"1")}), layer_of({"a": Entry(b"11")})
    assert one.digest != two.digest
    assert GROUND.image.over(one, {}, {}).digest != GROUND.image.over(two, {}, {}).digest
    assert GROUND.image.over(one, {}, {}).digest != GROUND.image.over(one, {}, {"label": "more"}).digest


def bytecode_in_another_process(seed: str) -> str:
    script = (
        "from containers.packaging.layers import *;"
        "print(layer_of(with_bytecode({'m.py': Entry(b\"x = 'a' in {'a', 'b', 'c'}\\ndef f(a): return a.b, 'b'\")})).digest)"
    )
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": "."}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout


def test_bytecode_is_the_same_in_every_process() -> None:
    assert len({bytecode_in_another_process(seed) for seed in ("1", "2", "3")}) == 1


def test_bytecode_is_taken_without_a_look_at_the_source() -> None:
    tree = with_bytecode({"p/m.py": Entry(b"x = 1"), "p/broken.py": Entry(b"x = "), "p/data.txt": Entry(b"x = 1")})
    assert sorted(tree) == ["p/__pycache__/m.cpython-311.pyc", "p/broken.py", "p/data.txt", "p/m.py"]
    assert tree["p/__pycache__/m.cpython-311.pyc"].data[4:8] == b"\x01\x00\x00\x00"


def test_of_a_system_stays_what_python_needs_and_the_licences() -> None:
    gone = ["bin/sh", "bin/tar", "usr/bin/dpkg", "usr/sbin/x", "usr/lib/python3.11/test/x.py", "usr/share/doc/libc6/changelog", "var/lib/x"]
    stays = ["usr/bin/python3.11", "usr/lib/python3.11/os.py", "usr/share/doc/libc6/copyright", "lib/x86_64-linux-gnu/libc.so.6"]
    found = dict.fromkeys([*gone, *stays], Entry(b"x"))
    kept = base.system_tree(found)
    assert set(kept) == {*stays, "etc/passwd", "etc/group"}
    assert b"worldloom:x:10001:10001" in kept["etc/passwd"].data


def test_the_server_comes_without_tests_tools_and_whatever_it_does_not_import(server: dict[str, Entry]) -> None:
    paths = [path.removeprefix(f"{base.LIBRARY}/") for path in server]
    tops = {path.split("/")[0].removesuffix(".py") for path in paths}
    assert {"artifacts", "containers", "mcp", "pydantic", "apsw", "prometheus_client"} <= tops
    assert not tops & {
        "pip",
        "setuptools",
        "prefect",
        "dspy",
        "sqlglot",
        "pyarrow",
        "polars",
        "docker",
        "fsspec",
        "tasks",
        "flows",
        "tests",
        "bin",
    }
    ours = {path for path in paths if path.startswith("containers/")}
    assert "containers/image_main.py" in ours
    assert not [path for path in ours if path.startswith(("containers/packaging", "containers/conformance", "containers/pool"))]
    assert not [path for path in paths if "/tests/" in path or path.endswith((".c", ".h", "RECORD", "INSTALLER"))]


def test_the_server_s_layer_is_the_same_each_time(server: dict[str, Entry]) -> None:
    again = tree_of_tar(base.server_layer().data)
    assert layer_of(again).digest == layer_of(server).digest


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(InvalidInput, match="'no-such-package', which is not installed"):
        base.closure(["no-such-package"])


def test_a_world_s_layer_is_its_bundle_for_the_server_s_user_alone() -> None:
    layer = world_layer(SHOP_WORLD)
    with tarfile.open(fileobj=io.BytesIO(layer.data)) as archive:
        found = {member.name: (member.mode, member.uid) for member in archive}
    assert found.pop("world") == (0o500, base.USER)
    assert set(found.values()) == {(0o400, base.USER)}
    assert {name.removeprefix("world/") for name in found} == {
        *("world.json", "schema.sql", "seed.sql", "tools.json", "tasks.json", "report.json", "README.md")
    }
    assert layer.size < 500_000
    assert layer.digest == world_layer(SHOP_WORLD.model_copy()).digest


def test_an_image_keeps_the_base_s_settings_and_adds_the_world_s_labels() -> None:
    image = world_image(SHOP_WORLD, world_layer(SHOP_WORLD), GROUND, "run-9")
    plain = json.loads(image.config_bytes)
    assert plain["created"] == "1970-01-01T00:00:00Z"
    assert plain["config"]["User"] == "10001:10001"
    assert plain["rootfs"]["diff_ids"] == ["sha256:1", world_layer(SHOP_WORLD).digest]
    labels = image.labels
    assert labels["below"] == "x"
    assert labels["org.opencontainers.image.title"] == "Shop"
    assert labels["org.opencontainers.image.base.digest"] == GROUND.image.digest
    assert (labels["dev.worldloom.world.id"], labels["dev.worldloom.world.digest"]) == (SHOP_WORLD.id, SHOP_WORLD.digest)
    assert labels["dev.worldloom.world.run"] == "run-9"
    assert json.loads(labels["dev.worldloom.world.recipe"]) == SHOP_WORLD.recipe.canonical()


def test_an_archive_brings_only_the_layers_that_it_is_given() -> None:
    layer = layer_of({"a": Entry(b"1")})
    image = GROUND.image.over(layer, {}, {})
    with tarfile.open(fileobj=io.BytesIO(archive_of(image, ["w:1"], [layer]))) as archive:
        assert len(archive.getnames()) == 3
    whole = Image("amd64", (), {}).over(layer, {}, {})
    assert [found.digest for found in layers_in(archive_of(whole, ["w:1"], [layer]))] == [layer.digest]


def test_layers_are_read_packed_or_not() -> None:
    layer = layer_of({"a": Entry(b"1")})
    squeezed = Layer(gzip.compress(layer.data, mtime=0))
    image = Image("amd64", (squeezed.digest,), {})
    assert layers_in(archive_of(image, ["w:1"], [squeezed]))[0].digest == layer.digest


def test_names_of_images() -> None:
    version = SHOP_WORLD.digest[:12]
    assert image_tags(SHOP_WORLD, "ghcr.io/me", True) == (f"ghcr.io/me/shop:{version}", "ghcr.io/me/shop:latest")
    assert image_tags(SHOP_WORLD, "worldloom", False) == (f"worldloom/shop:{version}",)
    assert repository_and_tag("localhost:5000/shop") == ("localhost:5000/shop", "latest")
    assert repository_and_tag("localhost:5000/shop:1") == ("localhost:5000/shop", "1")


@pytest.mark.parametrize("prefix", ["worldloom", "ghcr.io/me/worlds", "localhost:5000/w", "a_b/c-d"])
def test_prefixes_that_name_images(prefix: str) -> None:
    assert named_well(prefix) == prefix


@pytest.mark.parametrize("prefix", ["", "Worlds", "a b", "a/", "../x", "a:latest", "a--b:x", "é"])
def test_prefixes_that_do_not(prefix: str) -> None:
    with pytest.raises(InvalidInput, match="cannot begin an image's name"):
        named_well(prefix)
