"""A server that speaks for the policy, against one on loopback that answers as vLLM does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from artifacts.errors import ModelRejected, ModelUnavailable
from training.endpoint import Endpoint
from training.generating import Prompt, Said


class Server(BaseHTTPRequestHandler):
    """Says the prompt's last token and the end, and keeps what it was asked."""

    asked: ClassVar[list[tuple[str, Any]]] = []
    trouble: ClassVar[dict[str, int]] = {}
    lacking: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        """The model's name."""
        self._answer({"data": [{"id": "policy"}]})

    def do_POST(self) -> None:
        """Whatever was asked."""
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "null")
        self.asked.append((self.path, body))
        choice: dict[str, Any] = {}
        if self.path == "/v1/completions":
            choice = {"token_ids": [body["prompt"][-1], 1], "logprobs": {"token_logprobs": [-0.5, -0.25]}}
        self._answer({"choices": [{name: value for name, value in choice.items() if name not in self.lacking}]})

    def _answer(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(self.trouble.get(self.path, 200))
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server, with nothing wrong yet."""
    Server.asked, Server.trouble, Server.lacking = [], {}, set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_tokens_go_out_and_come_back(url: str) -> None:
    endpoint = Endpoint(url, 0.7, 12, at_once=2)
    said = endpoint.say([Prompt((5, 6), 41), Prompt((7,), 42), Prompt((8, 9), 43)])
    endpoint.close()
    assert said == [Said((last, 1), (-0.5, -0.25)) for last in (6, 7, 9)]
    bodies = sorted((body for _, body in Server.asked), key=lambda body: int(body["seed"]))
    assert [(body["prompt"], body["seed"], body["model"]) for body in bodies] == [
        ([5, 6], 41, "policy"),
        ([7], 42, "policy"),
        ([8, 9], 43, "policy"),
    ]
    whole = {"temperature": 0.7, "top_p": 1.0, "top_k": -1, "max_tokens": 12, "logprobs": 0, "return_token_ids": True}
    assert whole.items() <= bodies[0].items()


def test_new_weights_are_read_while_nobody_is_answered(url: str, tmp_path: Path) -> None:
    endpoint = Endpoint(url, 1.0, 12, at_once=1)
    endpoint.reload(tmp_path)
    endpoint.close()
    paths = [path for path, _ in Server.asked]
    assert paths == ["/pause?mode=wait", "/collective_rpc", "/reset_prefix_cache", "/resume"]
    assert Server.asked[1][1] == {"method": "reload_weights", "kwargs": {"weights_path": str(tmp_path)}}


def test_a_server_in_trouble_is_told_from_one_that_refuses(url: str) -> None:
    endpoint = Endpoint(url, 1.0, 12, at_once=1)
    Server.trouble["/v1/completions"] = 503
    with pytest.raises(ModelUnavailable, match="/v1/completions answered 503"):
        endpoint.say([Prompt((5,), 1)])
    Server.trouble["/v1/completions"] = 400
    with pytest.raises(ModelRejected, match="/v1/completions answered 400"):
        endpoint.say([Prompt((5,), 1)])
    Server.trouble.clear()
    Server.lacking.add("token_ids")
    with pytest.raises(ModelRejected, match="an answer has no token_ids"):
        endpoint.say([Prompt((5,), 1)])
    endpoint.close()
