"""Functions and classes of every kind that Python alone is needed for.

`MEMBERS` are hashed by their names; each must have the same hash in every process, under every
hash seed and on every version of Python. They are written in every form that the language has,
which tools would tidy up.
"""

# ruff: noqa
# fmt: off

import dataclasses
import enum
import functools
import math
import statistics
from dataclasses import dataclass, field
from decimal import localcontext
from typing import ClassVar, NamedTuple

import helpers
from helpers import Clock, shifted

WORDS = {"long", "both", "short"}
NESTED = frozenset((frozenset(("a", "b")), ("c", frozenset((1, 2.0, "d"))), None))
TABLE = {"b": [1, 2, (3.0, -0.0)], "a": {"x", "y", shifted}}
CLOCK = Clock(2, {"one", "two"})
FIRST, SECOND = [lambda x: x + 1, lambda x: x + 2], [lambda: 7, lambda: 8, lambda: None]
PART = functools.partial(shifted, x=WORDS)


def set_literal(side):
    return side in {"long", "both", "short"} and side not in {"none", "all"}


def reads_sets(side):
    return side in WORDS, NESTED, TABLE, PART


def documented(x: "float", *rest: int, flag: bool = False, **more: str) -> "float":
    """Return what it is given."""
    kept: float = x  # a comment
    return kept if flag else (rest, more)


def calls_helpers(x):
    return shifted(x) * helpers.RATE + CLOCK.at(x) + len(helpers.LADDER) + math.exp(x)


def with_library(values):
    with localcontext() as context:
        context.prec = 30
        return statistics.fmean(values), math.fsum(values)


def comprehensions(rows, limit=3):
    flat = [x for row in rows for x in row if x not in {limit, "limit", None}]
    pairs = {k: [v for v in flat if v > k] for k in range(limit)}
    return {x for x in flat}, pairs, sum(x * limit for x in flat), [CLOCK for CLOCK in rows]


def matches(command):
    match command:
        case {"side": "long" | "short" as side, **rest} if side in WORDS:
            return rest
        case [1, -2.5, *others] | (others, None):
            return others
        case Clock(start=0, names=names):
            return names
        case None | True:
            return False
        case _:
            return shifted


def walrus(values):
    total = 0
    while (n := len(values)) > 0 and all((last := v) in WORDS for v in values):
        total += n
        values = values[1:]
    return total, last


def texts(x, width=8):
    joined = "one" f"{x}" "two" f"three"
    nested = f"{x!r:>{width}} {f'{x + 1:.3f}'} {{}} {x=} {x = :.{width}f}" f"{''}"
    return joined, nested, f"", f"{x:}", b"bytes" b"more", u"tab\t\N{GREEK SMALL LETTER ALPHA}"


def numbers():
    return 1_000, 0X10, 1E3, -0.0, 1.5e-300, 2J, 1 + 2, True, None, ..., 10**30, (1, (2.0, "x"))


def branches(x):
    if False:
        return shifted(x)
    if __debug__ and x:
        assert x > 0, "positive"
    try:
        del x
    except (ValueError, KeyError) as error:
        raise RuntimeError(f"{error}") from error
    else:
        pass
    finally:
        x = 0
    for _ in ():
        continue
    while True:
        break
    return x


def groups(x):
    try:
        return x
    except* ValueError as error:
        print(error.exceptions)


def nested(x):
    scale = 2

    @functools.wraps(shifted)
    def inner(y: float, z=scale, *, k: int = 3):
        nonlocal scale
        scale += 1

        def deepest():
            global RUNS
            RUNS = scale + k
            return RUNS

        return deepest() + y + z

    class Local(Clock):
        """With a docstring."""

        scale = scale
        size: int = 3

        def at(self, step):
            return super().at(step) + self.size

    return inner(x), Local(1, x)


def makes_generator(n):
    for i in range(n):
        yield i
    yield from (j for j in range(n))


async def waits(source):
    async with source as opened:
        return [x async for x in opened if await x]


def imports_inside(x):
    import math as m

    from helpers import RATE as rate

    return m.sqrt(x) * rate


def closure(levels, clock, names):
    offset = 3.5

    def captured(x):
        return levels[0] + clock.start + offset + len(names) + captured_too(x)

    def captured_too(x):
        return captured(x) if x else captured_too

    return captured


def rebound(x):
    return LIMIT + x


LIMIT = 1
LIMIT = 2


def repeated(times):
    def decorate(function):
        @functools.wraps(function)
        def run(*arguments):
            return [function(*arguments) for _ in range(times)]

        return run

    return decorate


@repeated(3)
@repeated(times=2)
def decorated(x):
    return x + LIMIT


@functools.lru_cache(maxsize=None)
def cached(x):
    return x * LIMIT


def ping(n):
    return pong(n - 1) if n else 0


def pong(n):
    return ping(n - 1) if n else 1


def long_sum(x):
    # As deep as a tree can be: a sum is nested to the left.
    return (
        x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
        + x
    )


class Side(enum.Enum):
    LONG = 1
    SHORT = -1

    def turned(self):
        return Side(-self.value)


class Level(enum.IntFlag):
    ONE = 1
    TWO = 2


def uses_enum(x):
    return Side.LONG if x in (Level.ONE, Level.TWO | Level.ONE) else Side.SHORT


class Fill(NamedTuple):
    """One fill."""

    price: float
    size: int = 1

    @property
    def value(self):
        return self.price * self.size


@dataclass(frozen=True, kw_only=True)
class Model:
    """A frozen dataclass: what is generated for it differs between versions."""

    kind: ClassVar[str] = "model"
    sigma: float = 0.2
    names: frozenset = frozenset(("a", "b", "c"))
    rest: list = field(default_factory=list)
    doc: str = field(default="text", compare=False)

    def step(self, x):
        return x + self.sigma

    @staticmethod
    def shocks(n):
        return n * LIMIT

    @classmethod
    def make(cls, **given):
        return cls(**given)

    @functools.cached_property
    def total(self):
        return sum(self.rest)


@dataclass(slots=True, order=True)
class Slotted:
    x: int = 1
    y: set = field(default_factory=set)


class Private(Clock):
    __slots__ = ("__hidden",)
    table = {"a": {1, 2}, "b": [None]}

    def __init__(self):
        self.__hidden = 1

    def __call__(self, x, /, y=(lambda: 0), *, z=2):
        return self.__hidden + helpers.shifted(x) + y() + z


MODEL = Model(rest=[1, {2, 3}])
SLOTTED = Slotted(3, {"p", "q"})


def uses_objects(x):
    return MODEL.step(x) + SLOTTED.x + Fill(1.0).value + dataclasses.asdict(MODEL)["sigma"]


MADE = closure([1.0, 2.0], Clock(3, NESTED), {"u", "v", "w"})
MEMBERS = {
    name: value
    for name, value in vars().copy().items()
    if not name.startswith("_") and name not in ("field", "dataclass")
}
