"""A policy that speaks, over its own lines."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from training.decoder import Shape, new_decoder
from training.speaking import Speaker, speak
from training.tokens import new_tokenizer, prompt_tokens

TOKENIZER = new_tokenizer(["the cat sat on the mat"] * 3, 300)
MODEL = new_decoder(Shape(vocabulary=300, hidden=16, layers=1, heads=2, context=128), TOKENIZER, 0).eval()


def asked(seed: int, text: str = "Hi") -> dict[str, Any]:
    return {"seed": seed, "turn": 0, "messages": [{"role": "user", "content": text}], "tools": None}


def test_a_reply_depends_on_its_conversation_and_seed_alone() -> None:
    speaker = Speaker(MODEL, TOKENIZER, temperature=1.0, most=12)
    alone = speaker.replies([asked(1)])[0]
    beside = speaker.replies([asked(2, "Something else"), asked(1), asked(3), asked(4), asked(5)])
    assert beside[1] == alone
    assert any(other != alone for other in beside[2:])
    assert alone["input_tokens"] == len(prompt_tokens(TOKENIZER, asked(1)["messages"]))
    assert 1 <= alone["output_tokens"] <= 12


def test_a_prompt_that_fills_the_context_is_answered_with_nothing() -> None:
    assert Speaker(MODEL, TOKENIZER).replies([asked(1, "x" * 400)])[0]["output_tokens"] == 0


def test_lines_in_lines_out() -> None:
    told = io.StringIO()
    lines = [json.dumps({"conversations": [asked(1), asked(2)]}), "[]", json.dumps({"conversations": [{}]})]
    speak(Speaker(MODEL, TOKENIZER, most=3), io.StringIO("\n".join(lines) + "\n"), told)
    ready, replies, first, second = map(json.loads, told.getvalue().splitlines())
    assert ready == {"ready": True}
    assert [reply["message"]["role"] for reply in replies["replies"]] == ["assistant", "assistant"]
    assert "cannot be read" in first["error"]
    assert "cannot be read" in second["error"]


@pytest.mark.timeout(120)
def test_the_program_speaks_for_a_folder(tmp_path: Path) -> None:
    MODEL.save_pretrained(tmp_path / "policy")
    TOKENIZER.save_pretrained(tmp_path / "policy")
    line = json.dumps({"conversations": [asked(3)]}) + "\n"
    command = [sys.executable, "-m", "training.speaking", str(tmp_path), "--most", "4"]
    done = subprocess.run(command, input=line, capture_output=True, text=True, check=True)
    ready, replies = map(json.loads, done.stdout.splitlines())
    assert ready == {"ready": True}
    assert replies["replies"] == Speaker(MODEL, TOKENIZER, most=4).replies([asked(3)])
