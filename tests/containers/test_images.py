"""Images in a real engine: what is in them, what they may do, and that nothing is built twice. Skipped where no engine answers."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from artifacts.bundle import bundle_files
from artifacts.errors import InvalidInput, ServerUnavailable
from artifacts.rows import rows_of_draft
from artifacts.store import Store, open_store
from artifacts.verdict import Pass
from containers.packaging import base
from containers.packaging.conformance import LOCKED_DOWN, PREFIX, SHOP_WORLD, served
from containers.packaging.engine import Engine, connect
from containers.packaging.image import Image
from containers.packaging.layers import Entry, layer_of
from containers.packaging.package import PORT, Base, Packaged, Shipment, image_tags, make_base, package_world, package_worlds, world_layer
from flows.boundary import guarded
from flows.command import app

pytestmark = pytest.mark.xdist_group("docker")

SHOP = Shipment(lambda: SHOP_WORLD, "run-1", True, SHOP_WORLD.id)
IMAGE = image_tags(SHOP_WORLD, PREFIX, True)[0]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    try:
        found = connect()
    except ServerUnavailable as missing:
        pytest.skip(f"no container can be run here: {missing}")
    with found:
        yield found


@pytest.fixture(scope="module")
def ground(engine: Engine) -> Base:
    try:
        return make_base(engine, None, PREFIX)
    except ServerUnavailable as missing:
        pytest.skip(f"no base can be made here: {missing}")


@pytest.fixture(scope="module")
def shop(engine: Engine, ground: Base) -> Packaged:
    return package_world(engine, ground, SHOP, PREFIX)


def run(image: str, *arguments: str, told: str = "", options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A container as a desktop client starts it, but with no network."""
    command = ["docker", "run", "-i", "--network", "none", *LOCKED_DOWN, *options, image, *arguments]
    return subprocess.run(command, input=told, capture_output=True, text=True, check=False)


def python(image: str, script: str) -> subprocess.CompletedProcess[str]:
    """A script in a container of the image."""
    return run(image, "-c", script, options=("--entrypoint", "python3.11"))


def asked(*requests: tuple[str, dict[str, object]]) -> str:
    """A conversation over standard input: the handshake, then these requests, numbered from 1."""
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    lines: list[dict[str, object]] = [{"id": 0, "method": "initialize", "params": hello}, {"method": "notifications/initialized"}]
    lines += [{"id": number, "method": method, "params": params} for number, (method, params) in enumerate(requests, 1)]
    return "".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines)


def test_a_container_is_an_mcp_server_as_desktop_clients_expect_it(shop: Packaged) -> None:
    told = asked(("tools/list", {}), ("tools/call", {"name": "list_orders", "arguments": {}}))
    done = run(IMAGE, told=told)
    assert done.returncode == 0, done.stderr
    _, listed, called = [json.loads(line)["result"] for line in done.stdout.splitlines()]
    assert [tool["name"] for tool in listed["tools"]] == [tool.name for tool in SHOP_WORLD.tools]
    assert called["isError"] is False
    assert json.loads(called["content"][0]["text"]) == called["structuredContent"]


def test_meta_tools_are_one_argument_away(shop: Packaged) -> None:
    done = run(IMAGE, "stdio", "--tools", "meta", told=asked(("tools/list", {})))
    listed = json.loads(done.stdout.splitlines()[1])["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["list_tools", "call_tool"]


def test_http_is_one_argument_away_and_knows_of_no_control_plane(engine: Engine, shop: Packaged) -> None:
    with served(engine, IMAGE, ["http"], [PORT], {}) as (port,):
        answered = when_up(f"http://127.0.0.1:{port}")
        assert answered.status_code == 405
        for path in ("/v1/sessions", "/metrics", "/world/tasks.json", "/mcp/../world/tasks.json"):
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code in (404, 405)
        # Other tests may run the same image meanwhile.
        found = engine.client.containers.list(filters={"ancestor": IMAGE}, ignore_removed=True)
        (container,) = (c for c in found if any(b["HostPort"] == str(port) for bindings in c.ports.values() for b in bindings or ()))
        code, _ = container.exec_run(["python3.11", "-m", "containers.image_main", "health"])
        assert code == 0


def when_up(url: str) -> httpx.Response:
    """The answer of a server that may still be starting."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return httpx.get(f"{url}/mcp")
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_the_healthcheck_fails_where_nobody_answers(shop: Packaged) -> None:
    script = "from containers.image_main import health; print(health(['http']), health(['stdio']))"
    assert python(IMAGE, script).stdout.split() == ["1", "0"]


def test_a_control_plane_at_a_port_wants_a_token(shop: Packaged) -> None:
    done = run(IMAGE, "http", "--control", "8766")
    assert done.returncode == 2
    assert done.stderr.startswith("--control 8766 needs a token. Give one: `docker run -e WORLDLOOM_TOKEN")


def test_the_server_is_not_root_and_can_write_nowhere(shop: Packaged) -> None:
    script = (
        "import os\n"
        "found = []\n"
        "for place in ('/', '/tmp', '/world', '/opt/worldloom', '/etc', '/usr/bin', '/dev'):\n"
        "    try: open(place + '/x', 'w')\n"
        "    except OSError: found.append(place)\n"
        "print(os.getuid(), os.getgid(), len(found))"
    )
    assert python(IMAGE, script).stdout.split() == ["10001", "10001", "7"]


def test_another_user_in_the_container_cannot_read_the_world(shop: Packaged) -> None:
    done = run(IMAGE, "-c", "open('/world/tasks.json')", options=("--entrypoint", "python3.11", "--user", "4711:4711"))
    assert "PermissionError" in done.stderr


@pytest.mark.parametrize("program", ["/bin/sh", "/bin/bash", "/usr/bin/apt-get", "/usr/bin/dpkg", "/usr/bin/gcc", "pip"])
def test_there_is_no_shell_no_compiler_and_no_package_manager(shop: Packaged, program: str) -> None:
    done = run(IMAGE, options=("--entrypoint", program))
    assert done.returncode == 127
    assert "no such file" in done.stderr or "not found" in done.stderr


def test_what_no_server_imports_is_not_there(shop: Packaged) -> None:
    absent = [
        "pip",
        "prefect",
        "dspy",
        "sqlglot",
        "pyarrow",
        "polars",
        "docker",
        "tasks",
        "flows",
        "containers.packaging",
        "containers.pool",
    ]
    script = f"import importlib.util as u; print([name for name in {absent} if u.find_spec(name)])"
    assert python(IMAGE, script).stdout.strip() == "[]"


def test_an_agent_gets_no_further_than_its_tools(shop: Packaged) -> None:
    """Files, checks, solutions, other SQL: by methods, by names of tools, by what is in arguments."""
    hostile = ["'; ATTACH '/world/tasks.json' AS x; --", "../world/tasks.json", "readfile('/world/tasks.json')", "$(cat /etc/passwd)"]
    calls: list[tuple[str, dict[str, object]]] = []
    calls += [("tools/call", {"name": "find_product", "arguments": {"title": text}}) for text in hostile]
    calls += [("tools/call", {"name": name, "arguments": {}}) for name in (*hostile, "score", "reset", "sqlite_master")]
    calls += [("resources/list", {}), ("resources/read", {"uri": "file:///world/tasks.json"}), ("prompts/list", {}), ("tools/list", {})]
    done = run(IMAGE, told=asked(*calls))
    assert len(done.stdout.splitlines()) == len(calls) + 1, done.stderr
    for secret in ("root:x", "SELECT", "final.", '"solution"', '"checks"', "Traceback", "ten are left"):
        assert secret not in done.stdout


def test_a_bundle_that_was_edited_by_a_byte_is_refused_by_name(engine: Engine, ground: Base) -> None:
    for name in ("tasks.json", "schema.sql"):
        files = {**bundle_files(SHOP_WORLD)}
        files[name] = files[name].replace(b"e", b"f", 1)
        layer = layer_of({f"world/{file}": Entry(data, owner=base.USER) for file, data in files.items()})
        engine.load(ground.image.over(layer, {}, {}), [f"{PREFIX}/edited:1"], [layer], below=ground.tag)
        done = run(f"{PREFIX}/edited:1", told=asked())
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{name} was edited" in done.stderr
    engine.client.images.remove(f"{PREFIX}/edited:1")


def test_the_engine_has_what_was_computed_before_it_was_asked(engine: Engine, ground: Base, shop: Packaged) -> None:
    found = engine.found(IMAGE)
    assert found is not None
    assert found.layers == (*ground.image.layers, world_layer(SHOP_WORLD).digest)
    assert found.labels["dev.worldloom.world.id"] == SHOP_WORLD.id
    assert found.labels["org.opencontainers.image.title"] == "Shop"
    assert shop.layer_bytes < 500_000 < shop.size_bytes < 200_000_000


def test_a_world_is_made_once_and_is_the_same_when_made_again(engine: Engine, ground: Base, shop: Packaged) -> None:
    again = package_world(engine, ground, SHOP, PREFIX)
    assert again.seconds is None
    for tag in shop.tags:
        engine.client.images.remove(tag, force=True)
    anew = package_world(engine, ground, SHOP, PREFIX)
    assert anew.seconds is not None
    assert (anew.image_digest, anew.layer_digest) == (shop.image_digest, shop.layer_digest)


def test_another_run_or_recipe_label_is_another_image_over_the_same_layer(engine: Engine, ground: Base, shop: Packaged) -> None:
    (other,) = package_worlds(engine, ground, [SHOP._replace(run_id="run-2", newest=False)], f"{PREFIX}/other")
    assert other.layer_digest == shop.layer_digest
    assert other.image_digest != shop.image_digest
    engine.client.images.remove(other.tags[0])


def test_an_engine_that_wants_every_layer_gets_them(engine: Engine, ground: Base) -> None:
    layers = engine.layers_of(ground.tag)
    assert tuple(layer.digest for layer in layers) == ground.image.layers
    layer = layer_of({"world/x": Entry(b"x")})
    engine.load(ground.image.over(layer, {}, {}), [f"{PREFIX}/whole:1"], [*layers, layer])
    found = engine.found(f"{PREFIX}/whole:1")
    assert found is not None
    assert found.layers == (*ground.image.layers, layer.digest)
    engine.client.images.remove(f"{PREFIX}/whole:1")


def test_a_base_may_be_an_image_that_has_python(engine: Engine, ground: Base) -> None:
    (system,) = {tag for image in engine.client.images.list() for tag in image.tags if tag.startswith(f"{PREFIX}/system:")}
    named = make_base(engine, system, PREFIX)
    assert named.image.layers[0] == ground.image.layers[0]
    assert named.image.labels["dev.worldloom.base"] == system


def test_a_base_without_python_or_out_of_reach_is_refused(engine: Engine) -> None:
    layer = layer_of({"nothing": Entry(b"")})
    with pytest.raises(InvalidInput, match=r"127\.0\.0\.1:1/none:1 cannot be had"):
        make_base(engine, "127.0.0.1:1/none:1", PREFIX)
    engine.load(Image(engine.architecture, (layer.digest,), {"Env": []}), [f"{PREFIX}/empty:1"], [layer])
    with pytest.raises(InvalidInput, match=r"does not start.*A base must have Python 3\.11"):
        make_base(engine, f"{PREFIX}/empty:1", PREFIX)
    engine.client.images.remove(f"{PREFIX}/empty:1")


def test_a_registry_that_refuses_is_named(engine: Engine, shop: Packaged) -> None:
    engine.client.api.tag(shop.tags[0], "127.0.0.1:1/shop", "1")
    with pytest.raises(InvalidInput, match=r"The registry refused 127\.0\.0\.1:1/shop:1"):
        engine.push("127.0.0.1:1/shop:1")
    engine.client.images.remove("127.0.0.1:1/shop:1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = open_store(tmp_path / "loom")
    found.publish(SHOP_WORLD)
    found.commit(rows_of_draft("draft", [Pass(gate="tried")], [], SHOP_WORLD, run_id="run-1", created_at=datetime(2026, 3, 2, tzinfo=UTC)))
    return found


def package(*arguments: str) -> int:
    return guarded(lambda: app(["package", "--tag", PREFIX, *arguments], standalone_mode=False))


def test_the_command_packages_and_keeps_a_row(engine: Engine, ground: Base, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert package("--store", store.url, "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert package("shop", "--store", store.url) == 0
    assert "1 there already" in capsys.readouterr().out
    (row,) = store.scan("images").collect().to_dicts()
    assert (row["world_id"], row["image_digest"]) == (SHOP_WORLD.id, told["image_digest"])
    assert row["tags"] == list(image_tags(SHOP_WORLD, PREFIX, True))
    assert (row["run_id"], row["pushed_digest"]) == ("run-1", None)


def test_the_command_refuses_what_it_cannot_package(engine: Engine, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert package("no-such-world", "--store", store.url) == 2
    assert package("--store", store.url, "--tag", "No Name") == 2
    assert "cannot begin an image's name" in capsys.readouterr().err


def test_no_engine_is_said_so(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert package("--store", store.url) == 1
    assert "No Docker Engine answers" in capsys.readouterr().err
