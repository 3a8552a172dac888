"""Models: from a name and a few settings to a `dspy.LM` whose every answer is journaled, and its failures as our errors."""

from __future__ import annotations

import difflib
import os
import re
import socket
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from artifacts.errors import InvalidInput, ModelRejected, ModelUnavailable, TerminalError, UnknownName, WorldloomError
from artifacts.noun import Noun

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # prices come from the installed copy: no call home

import dspy
from dspy import lm15
from dspy.clients.costs import estimate_cost
from dspy.clients.engines import LiteLLMEngine, LM15Engine
from dspy.clients.engines.lm15_engine import timeouts_for
from dspy.utils import exceptions

from tasks.models.journal import Engine, Journal, JournaledEngine
from tasks.models.metering import Budget, Meter
from tasks.models.pace import Pace, Rates

EMBEDDED = "worldloom/procedural-1"
FAMILIAR = (
    EMBEDDED,
    "openai/gpt-5",
    "openai/gpt-5-mini",
    "anthropic/claude-sonnet-4-5",
    "gemini/gemini-2.5-pro",
    "groq/llama-3.3-70b-versatile",
    "ollama/llama3.3",
    "hosted_vllm/",
    "openrouter/",
    "deepseek/deepseek-chat",
    "mistral/mistral-large-latest",
    "together_ai/",
    "xai/grok-4",
    "azure/",
)
"""Names that a misspelt one is compared with; any other name that a provider knows is accepted too."""

_UNAVAILABLE = (exceptions.LMRateLimitError, exceptions.LMTimeoutError, exceptions.LMServerError, exceptions.LMTransportError)
_REFUSED = (
    exceptions.LMAuthError,
    exceptions.LMBillingError,
    exceptions.LMUnsupportedModelError,
    exceptions.LMInvalidRequestError,
    exceptions.LMConfigurationError,
    exceptions.LMUnsupportedFeatureError,
)
_MAY_PASS = frozenset((408, 409, 425, 429, *range(500, 600)))
_REASONING = re.compile(r"^(?:o[1345](?:-.*)?|gpt-5(?:\.\d+)*(?!-chat)(?:-.*)?)$")
_LEAST_FOR_REASONING = 16_000
_ADDRESS = re.compile(r"^https?://[^\s/:?#]+(?::\d{1,5})?(?:[/?#]\S*)?$", re.IGNORECASE)


class Terms(Noun):
    """On what terms a run may ask a model; nothing here decides an answer.

    `run_id` names the account that paid answers are counted on; the rates are requests and tokens a minute, over all runs on one
    workflow server. None is no bound.
    """

    run_id: str = ""
    budget_usd: float | None = None
    budget_tokens: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class ModelSettings(Noun):
    """Which model answers, and how it is asked. Keys come from the environment (OPENAI_API_KEY and kin), never from here.

    `fault_rate` and `seed` concern the embedded model only; `timeout` is in seconds; None leaves a setting to the service.
    """

    name: str = EMBEDDED
    api_base: str | None = None
    fault_rate: float = Field(default=0.0, ge=0.0, le=1.0)
    seed: int = 0
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    max_tokens: int | None = Field(default=None, ge=256)
    timeout: float = Field(default=600.0, gt=0)
    terms: Terms = Terms()

    LATER = ("terms",)

    @property
    def embedded(self) -> bool:
        """Whether the model is the procedural author that ships with Worldloom."""
        return self.name == EMBEDDED


def language_model(settings: ModelSettings, journal: Journal) -> dspy.LM:
    """The model, ready to be asked; every answer goes through the journal.

    Raises UnknownName for a model that no provider knows, InvalidInput for settings that it cannot take, ModelRejected
    where a key is missing. Nothing is sent.
    """
    check_model(settings)
    engine = _embedded(settings, journal) if settings.embedded else _hosted(settings, journal)
    return dspy.LM(
        settings.name, engine=engine, cache=False, num_retries=0, temperature=settings.temperature, max_tokens=_max_tokens(settings)
    )


def check_model(settings: ModelSettings) -> None:
    """Refuse a model that cannot be asked, before anything is written; raises as `language_model` does."""
    _check_base(settings)
    if settings.embedded:
        return
    if settings.fault_rate:
        raise InvalidInput("A fault rate is for the embedded model only.", f"Leave --fault-rate out, or use --model {EMBEDDED}.")
    if not _exists(settings):
        raise UnknownName(f"There is no model {settings.name!r}.", _nearest(settings.name))
    if _reasoning(settings) and settings.temperature not in (None, 1.0):
        raise InvalidInput(f"{settings.name} takes no temperature other than 1.", "Leave the temperature out.")
    if _reasoning(settings) and (settings.max_tokens or _LEAST_FOR_REASONING) < _LEAST_FOR_REASONING:
        raise InvalidInput(f"{settings.name} needs at least {_LEAST_FOR_REASONING} tokens for an answer.", "Leave max_tokens out.")
    if settings.terms.budget_usd is not None and not priced(settings):
        why = "a server of your own has no price" if settings.api_base else "its price is not known"
        raise InvalidInput(f"--budget-usd cannot be kept with {settings.name}: {why}.", "Give --budget-tokens instead.")
    missing = _missing_key(settings)
    if missing:
        raise ModelRejected(f"{settings.name} needs a key.", f"Set {missing} in the environment.")


def priced(settings: ModelSettings) -> bool:
    """Whether the cost of an answer will be known."""
    resolution = _native(settings)
    if settings.api_base or resolution is None:
        return False
    model = settings.name.split("/", 1)[-1]
    usage = lm15.Usage(input_tokens=1_000, output_tokens=1_000)
    answer = lm15.Response(id=None, model=model, message=lm15.Message.assistant("."), finish_reason="stop", usage=usage)
    cost, _ = estimate_cost(answer, provider=resolution.provider, requested_model=model)
    return cost is not None


def _check_base(settings: ModelSettings) -> None:
    """Refuse an address that is none, or that nobody would ask."""
    if settings.api_base is None:
        return
    if settings.embedded:
        raise InvalidInput("--api-base is not for the embedded model, which runs here.", "Name the server's model too: --model openai/…")
    if not _ADDRESS.match(settings.api_base):
        example = settings.api_base if _ADDRESS.match(f"http://{settings.api_base}") else "localhost:8000/v1"
        raise InvalidInput(f"--api-base {settings.api_base!r} is not the address of a server.", f"Give one such as http://{example}.")


def _exists(settings: ModelSettings) -> bool:
    """Whether some provider may know the name: the service itself has the last word."""
    if settings.name.startswith("worldloom/") or not settings.name.strip() or settings.name.endswith("/"):
        return False
    return _native(settings) is not None or _known_to_litellm(settings)


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, FAMILIAR, n=1, cutoff=0.5)
    meant = "".join(f"Did you mean {found}{'…' if found.endswith('/') else ''}? " for found in close)
    return f"{meant}Names are provider/name, such as openai/gpt-5; a server of your own is openai/… with --api-base."


def _reasoning(settings: ModelSettings) -> bool:
    return bool(_REASONING.match(settings.name.split("/")[-1].lower()))


def _max_tokens(settings: ModelSettings) -> int | None:
    """Anthropic's services demand a limit and default to a low one; elsewhere the service's own default is the best."""
    return settings.max_tokens or (_LEAST_FOR_REASONING if settings.name.startswith("anthropic/") else None)


def _native(settings: ModelSettings) -> Any:
    """DSPy's own route to the model, resolved offline, or None where only LiteLLM may have one."""
    try:
        return LM15Engine(lm15.RouterConfig(env={}), model_type="chat").resolve(settings.name)
    except (lm15.UnknownModelError, lm15.UnsupportedFeatureError):
        return None


def _known_to_litellm(settings: ModelSettings) -> bool:
    import litellm

    litellm.suppress_debug_info = True  # it would print advice of its own on the terminal
    try:
        litellm.get_llm_provider(settings.name, api_base=settings.api_base)
    except litellm.exceptions.BadRequestError:
        return False
    return True


def _litellm_key_name(settings: ModelSettings) -> str:
    import litellm

    return " or ".join(litellm.validate_environment(settings.name).get("missing_keys", ()))


def _missing_key(settings: ModelSettings) -> str:
    """The environment variable that the route needs and does not find; empty when all is there, or with a server of one's own."""
    if settings.api_base:
        return ""
    if _native(settings) is None:
        return _litellm_key_name(settings)
    name = _key_name(settings)
    return "" if name in os.environ else name


def _key_name(settings: ModelSettings) -> str:
    """The environment variable that holds the provider's key; empty where none is needed."""
    resolution = _native(settings)
    return str(resolution.env_key or "") if resolution is not None else ""


def _embedded(settings: ModelSettings, journal: Journal) -> JournaledEngine:
    from tasks.embedded.engine import ProceduralEngine

    engine = ProceduralEngine(seed=settings.seed, fault_rate=settings.fault_rate)
    setting = [settings.seed, settings.fault_rate]
    meter, account = metered(settings, journal), settings.terms.run_id
    return JournaledEngine(engine, journal, setting=setting, price=lambda *_: 0.0, seeded=True, meter=meter, run_id=account)


def _hosted(settings: ModelSettings, journal: Journal) -> JournaledEngine:
    resolution = _native(settings)
    engine = _lm15_engine(settings, resolution) if resolution is not None else _litellm_engine(settings)
    price = _price(settings, resolution.provider if resolution is not None else None)
    return JournaledEngine(engine, journal, price=price, meter=metered(settings, journal), run_id=settings.terms.run_id)


def metered(settings: ModelSettings, journal: Journal) -> Meter:
    """What every call has to pass before it is made, and what is counted when it was."""
    terms = settings.terms
    rates = Rates(terms.requests_per_minute, terms.tokens_per_minute)
    paced = rates.requests is not None or rates.tokens is not None
    pace = Pace(settings.name, settings.api_base, rates) if paced else None
    return Meter(journal, Budget(terms.budget_usd, terms.budget_tokens), terms.run_id, pace)


def _lm15_engine(settings: ModelSettings, resolution: Any) -> Engine:
    """The native engine; a server of one's own (`api_base`) needs no key, and is never sent one that is not set."""
    provider = resolution.provider
    keyless = settings.api_base and not os.environ.get(_key_name(settings))
    config = lm15.RouterConfig(
        api_keys={provider: "none"} if keyless else None,
        base_urls={provider: settings.api_base} if settings.api_base else None,
        timeouts=timeouts_for(settings.timeout),
    )
    engine: Engine = LM15Engine(config, model_type="chat")
    return engine


def _litellm_engine(settings: ModelSettings) -> Engine:
    options = {"timeout": settings.timeout, **({"api_base": settings.api_base} if settings.api_base else {})}
    engine: Engine = LiteLLMEngine(model_type="chat", **options)
    return engine


def _price(settings: ModelSettings, provider: str | None) -> Callable[[Any, Any], float | None]:
    """Prices of the provider's own service; a server of one's own has a price that we do not know."""
    if provider is None or settings.api_base:
        return lambda request, response: None

    def price(request: Any, response: Any) -> float | None:
        cost, _ = estimate_cost(response, provider=provider, requested_model=settings.name.split("/", 1)[-1], request=request)
        return None if cost is None else float(cost)

    return price


@contextmanager
def model_errors(model: str) -> Iterator[None]:
    """Failures of a call, in our own tree: what may pass is a ModelUnavailable, a refusal of us is a ModelRejected."""
    try:
        yield
    except exceptions.LMError as error:
        raise translated(error, model) from error


def translated(error: Exception, model: str) -> WorldloomError:
    """One DSPy error as one of ours; `status` and the class decide, never the text."""
    ours = next((link for link in causes(error) if isinstance(link, WorldloomError)), None)
    if ours is not None:  # of the journal or the meter, which DSPy took for the engine's
        return ours
    said = " ".join(str(getattr(error, "message", "") or error).split()).split(" To fix:")[0][:300]
    status = getattr(error, "status", None)
    if isinstance(error, _UNAVAILABLE) or (not isinstance(error, _REFUSED) and status in _MAY_PASS):
        again = "Check that the service is up, and run again."
        unavailable = ModelUnavailable(f"{model} cannot answer now: {said.rstrip('.')}.", again, retry_after=_retry_after(error))
        unavailable.connected = not _never_connected(error)
        return unavailable
    if isinstance(error, exceptions.ContextWindowExceededError):
        return ModelRejected(f"The request is too long for {model}: {said}", "Use a model with a longer context.")
    if isinstance(error, _REFUSED) or (isinstance(status, int) and 400 <= status < 500):
        return ModelRejected(f"{model} refuses the request: {said}", "Check the model's name, the key and the account.")
    kind = type([*causes(error)][-1]).__name__
    return TerminalError(f"The call to {model} failed: {said} ({kind})", "Check the model's address and settings.")


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, the outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _never_connected(error: BaseException | None) -> bool:
    """Whether nothing answered at the address at all: refused, unknown, or no way there; whichever library was asked to connect."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError | socket.gaierror) or type(error).__name__ in ("ConnectError", "ConnectTimeout"):
            return True
        if isinstance(error, urllib.error.URLError) and isinstance(error.reason, ConnectionRefusedError | socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


def _retry_after(error: BaseException | None) -> float | None:
    """The wait in seconds that the service asked for; LiteLLM keeps the header on an error further down the chain."""
    while error is not None:
        if getattr(error, "retry_after", None) is not None:
            return float(error.retry_after)  # type: ignore[attr-defined]  # DSPy's and lm15's errors have it
        for headers in (getattr(error, "litellm_response_headers", None), getattr(getattr(error, "response", None), "headers", None)):
            said = str((headers or {}).get("retry-after", ""))
            if said.replace(".", "", 1).isdigit():
                return float(said)
        error = error.__cause__
    return None
