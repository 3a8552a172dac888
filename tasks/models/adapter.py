"""How a stage speaks to a model: lean prompts, and answers that are read without ever raising on their content."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args, get_origin

import dspy
from dspy.adapters.chat_adapter import ChatAdapter
from pydantic import BaseModel

from tasks.models.journal import note_problems
from tasks.models.reading import read_sections, read_value

COMPLETED = "[[ ## completed ## ]]"


def render(value: Any) -> str:
    """An input as prompts show it: text as it is, a list of texts one `- ` line each, everything else compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return "\n".join(f"- {' '.join(item.split())}" for item in value) or "(none)"
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def with_rules(rules: str) -> Callable[[type[dspy.Signature]], type[dspy.Signature]]:
    """A decorator that puts shared rules in the place of `{rules}` in a signature's instructions."""

    def fill(signature: type[dspy.Signature]) -> type[dspy.Signature]:
        signature.instructions = signature.instructions.replace("{rules}", rules)
        return signature

    return fill


class LeanAdapter(ChatAdapter):
    """Sections in, sections out, with the instructions said once and no fallback call.

    The system message is the signature's instructions and the sections to answer in; the user message is one section per
    input. What could not be read in an answer is noted with the call under way (`tasks.models.journal.listening`).
    """

    def __init__(self) -> None:
        super().__init__(use_json_adapter_fallback=False)

    def format_system_message(self, signature: type[dspy.Signature]) -> str:
        """The instructions, then the sections of the answer."""
        sections = "\n".join(f"[[ ## {name} ## ]]\n<{_shape(field.annotation)}>" for name, field in signature.output_fields.items())
        return f"{signature.instructions.strip()}\n\nAnswer in these sections and nothing else:\n{sections}\n{COMPLETED}"

    def format_user_message_content(
        self, signature: type[dspy.Signature], inputs: dict[str, Any], prefix: str = "", suffix: str = "", main_request: bool = False
    ) -> str:
        """One section per input, in the signature's order."""
        sections = (f"[[ ## {name} ## ]]\n{render(inputs[name])}" for name in signature.input_fields if name in inputs)
        return "\n\n".join(part for part in (prefix, *sections, suffix) if part)

    def format_assistant_message_content(
        self, signature: type[dspy.Signature], outputs: dict[str, Any], missing_field_message: str | None = None
    ) -> str:
        """A demo's answer, in the form asked for."""
        sections = (f"[[ ## {name} ## ]]\n{render(outputs.get(name, missing_field_message))}" for name in signature.output_fields)
        return "\n\n".join((*sections, COMPLETED))

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        """The output fields, as far as they can be read; content never raises."""
        outputs = signature.output_fields
        sections, problems = read_sections(completion, tuple(outputs))
        fields: dict[str, Any] = {}
        for name, field in outputs.items():
            fields[name], found = read_value(name, sections.get(name), field.annotation)
            problems += found
        note_problems(problems)
        return fields

    def _call_postprocess(
        self, processed_signature: Any, original_signature: Any, outputs: list[Any], lm: Any, lm_kwargs: Any
    ) -> list[Any]:
        """An empty answer is read like any other, where DSPy would raise."""
        texts = (output.get("text") if isinstance(output, dict) else output for output in outputs)
        return [self.parse(original_signature, text or "") for text in texts]


def _shape(annotation: Any) -> str:
    if get_origin(annotation) is list:
        (item,) = get_args(annotation)
        return "JSON array of strings" if item is str else "JSON array of objects"
    return "text" if annotation is str else "JSON"
