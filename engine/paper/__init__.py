"""Trading on paper: a replay whose fills are a broker's."""

from engine.paper.broker import (
    Broker,
    BrokerInstrument,
    BrokerOrder,
    Busy,
    Doubtful,
    Rejected,
    Ticket,
)
from engine.paper.comparison import (
    COMPARISON_SCHEMA,
    PaperComparison,
    compare_with_simulation,
)
from engine.paper.identity import client_order_id
from engine.paper.journal import JOURNAL_SCHEMA, Journal
from engine.paper.limits import Limits
from engine.paper.scripted_broker import ScriptedBroker
from engine.paper.sending import Unanswered
from engine.paper.terms import Terms, terms_of
from engine.paper.trader import Step, Trader

__all__ = [
    "COMPARISON_SCHEMA",
    "JOURNAL_SCHEMA",
    "Broker",
    "BrokerInstrument",
    "BrokerOrder",
    "Busy",
    "Doubtful",
    "Journal",
    "Limits",
    "PaperComparison",
    "Rejected",
    "ScriptedBroker",
    "Step",
    "Terms",
    "Ticket",
    "Trader",
    "Unanswered",
    "client_order_id",
    "compare_with_simulation",
    "terms_of",
]
