"""Which rows of values an expression needs, one resting on the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from engine.bars import BAR_FIELDS
from engine.errors import Refusal
from engine.strategies import expression_code as code
from engine.strategies.expression import (
    OPERATIONS,
    SESSION,
    Arithmetic,
    Expression,
    Field,
    Lag,
    Output,
)
from engine.strategies.indicator import Indicator
from engine.strategies.indicator_code import RowCode, row_code, users_fill
from engine.strategies.longer_bars import LongerBars, Timeline
from engine.strategies.parameters import Int

__all__ = ["UNDEFINED", "FieldRead", "NodeMaker", "Read", "RowNode", "RowRead"]

#: In place of an address: rows of NaN.
UNDEFINED: Final = 0.0


class RowNode(NamedTuple):
    """One row, or the rows of one indicator side by side; equal ones are computed once.

    Parameters
    ----------
    address : float
        Of its machine code; 0 for rows of NaN.
    head : tuple of float
        What the plan says before what is read.
    reads : tuple of Read
        What it is computed from.
    numbers : tuple of float
        What the plan says behind that.
    outputs : int
        How many rows.
    level : int
        0 where it reads fields alone, else one more than the highest that it reads.
    code : RowCode, optional
        Of which the address is.
    """

    address: float
    head: tuple[float, ...]
    reads: tuple[Read, ...]
    numbers: tuple[float, ...]
    outputs: int
    level: int
    code: RowCode | None


class FieldRead(NamedTuple):
    """A field of the path."""

    symbol: int
    field: int


class RowRead(NamedTuple):
    """A row of a node."""

    node: RowNode
    output: int


Read: TypeAlias = FieldRead | RowRead


class NodeMaker:
    """Makes the nodes of a strategy's expressions for one parameter set.

    Parameters
    ----------
    where : str
        Name of the declaration, for errors.
    fields : tuple of str
        Of the bars.
    parameters : mapping
        Encoded parameters of the strategy by name.
    timeline : Timeline, optional
        When the bars are; needed for timeframes and sessions alone.
    """

    def __init__(
        self,
        where: str,
        fields: tuple[str, ...],
        parameters: Mapping[str, float],
        timeline: Timeline | None,
    ) -> None:
        self._where = where
        self._fields = fields
        self._parameters = parameters
        self._timeline = timeline

    def rows_of(self, declared: Expression) -> tuple[RowRead, ...]:
        """Return the rows that hold a declared expression, one for each of its outputs.

        Raises
        ------
        Refusal
            If a field is not simulated, an argument is out of range, or a timeframe does not fit.
        """
        return tuple(self._as_row(read, None) for read in self._reads(declared, None))

    def _reads(self, item: Expression, timeframe: str | None) -> tuple[Read, ...]:
        own = item.timeframe_for(self._parameters)
        if own is None:
            return self._computed(item, timeframe)
        longer = self._longer(own)
        reads = (self._as_row(read, own) for read in self._computed(item, own))
        count, seen = float(len(longer.seen)), float(longer.seen.ctypes.data)
        return tuple(self._row(code.fill_seen, (read,), (count, seen), None) for read in reads)

    def _computed(self, item: Expression, timeframe: str | None) -> tuple[Read, ...]:
        """Return what an expression is on bars of a timeframe; None: on those of the path."""
        if isinstance(item, Field):
            return (self._field(item, timeframe),)
        if isinstance(item, Output):
            return (self._reads(item.inputs[0], timeframe)[item.place],)
        reads = tuple(self._reads(part, timeframe)[0] for part in item.inputs)
        numbers = item.values_of(self._parameters)
        if isinstance(item, Indicator):
            return self._indicator(item, reads, numbers, timeframe)
        if any(map(math.isnan, numbers)):
            return (_undefined(1),)
        if isinstance(item, Lag):
            return (self._row(code.fill_lag, reads, numbers, timeframe),)
        assert isinstance(item, Arithmetic)
        operation = float(OPERATIONS.index(item.operation))
        if len(reads) == 2:
            return (self._row(code.fill_of_two, reads, (operation,), timeframe),)
        first = float(item.number_first)
        return (self._row(code.fill_with_number, reads, (operation, first, *numbers), timeframe),)

    def _field(self, item: Field, timeframe: str | None) -> Read:
        if item.name == SESSION and SESSION not in self._fields:
            days = self._sessions()
            read: Read = self._row(code.fill_sessions, (), (days,), None)
        else:
            if item.name not in self._fields:
                raise Refusal(self._where, f"field {item.name!r}", ", ".join(self._fields))
            read = FieldRead(item.symbols[0], self._fields.index(item.name))
        if timeframe is None:
            return read
        longer = self._longer(timeframe)
        how = code.HOW_JOINED.get(item.name, code.HOW_JOINED[""])
        numbers = (float(longer.group.ctypes.data), float(how))
        return self._row(code.fill_longer, (read,), numbers, timeframe)

    def _indicator(
        self,
        item: Indicator,
        reads: tuple[Read, ...],
        arguments: tuple[float, ...],
        timeframe: str | None,
    ) -> tuple[Read, ...]:
        kind, outputs = type(item), len(item.outputs)
        for parameter, value in zip(item.parameters.values(), arguments, strict=True):
            if math.isnan(value):
                if isinstance(parameter, Int):
                    return tuple(_undefined(outputs, output) for output in range(outputs))
            elif not parameter.accepts(value):
                raise Refusal(self._where, f"{parameter.name} {value:g}", parameter.allowed)
        numbers = (*arguments, float(item.bars_before(arguments)))
        if users_fill(kind) is None:
            # A column may have gaps, which a running sum would carry on for ever.
            reads = tuple(
                self._as_row(read, timeframe) if self._may_have_gaps(read) else read
                for read in reads
            )
        if all(isinstance(read, FieldRead) for read in reads):
            found = row_code(kind)
            node = RowNode(float(found.address), (), reads, numbers, outputs, 0, found)
        else:
            found = code.indicator_of_rows_code(kind)
            length = self._length(timeframe)
            level = _level_above(reads)
            node = RowNode(float(found.address), (length,), reads, numbers, outputs, level, found)
        return tuple(RowRead(node, output) for output in range(outputs))

    def _may_have_gaps(self, read: Read) -> bool:
        return isinstance(read, FieldRead) and self._fields[read.field] not in BAR_FIELDS

    def _as_row(self, read: Read, timeframe: str | None) -> RowRead:
        if isinstance(read, RowRead):
            return read
        return self._row(code.fill_lag, (read,), (0.0,), timeframe)

    def _row(
        self,
        fill_row: code.FillRow,
        reads: tuple[Read, ...],
        numbers: tuple[float, ...],
        timeframe: str | None,
    ) -> RowRead:
        found = code.expression_code(fill_row, len(reads))
        head = (self._length(timeframe),)
        level = _level_above(reads)
        return RowRead(RowNode(float(found.address), head, reads, numbers, 1, level, found), 0)

    # --- time ----------------------------------------------------------------------------

    def _length(self, timeframe: str | None) -> float:
        return 0.0 if timeframe is None else float(len(self._longer(timeframe).seen))

    def _longer(self, timeframe: str) -> LongerBars:
        return self._known_timeline(f"timeframe {timeframe}").longer_bars(self._where, timeframe)

    def _sessions(self) -> float:
        return float(self._known_timeline(f"field {SESSION!r}").sessions().ctypes.data)

    def _known_timeline(self, what: str) -> Timeline:
        if self._timeline is None:
            raise Refusal(
                self._where, f"{what} on bars of an unknown timeframe", "bars with a timeframe"
            )
        return self._timeline


def _level_above(reads: tuple[Read, ...]) -> int:
    return 1 + max((read.node.level for read in reads if isinstance(read, RowRead)), default=0)


def _undefined(outputs: int, output: int = 0) -> RowRead:
    return RowRead(RowNode(UNDEFINED, (), (), (), outputs, 0, None), output)
