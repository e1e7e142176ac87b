"""Groups of settings refuse arguments in one sentence, from Python as from files."""

from __future__ import annotations

import re

import pytest

import engine as mc
from engine.errors import Refusal
from engine.execution.session import Session
from engine.settings import SettingsGroup


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mc.Leg(side="sel", right="put"), "Leg.side: found 'sel', allowed 'buy' or 'sell'"),
        (
            lambda: mc.Leg(side="sell", right="put", dais=3),
            "Leg.dais: found unknown key (did you mean 'days'?), allowed ",
        ),
        (
            lambda: mc.Execution(cash=-1),
            "Execution.cash: found -1, allowed greater than or equal to 0.01",
        ),
        (
            lambda: mc.Execution(commission={"rate": "much"}),
            "Execution.commission.rate: found 'much', allowed ",
        ),
        (lambda: Session(open="9"), "Session.open: found '9', allowed "),
    ],
)
def test_an_argument_that_cannot_be_is_refused_in_one_sentence(call, said) -> None:
    with pytest.raises(Refusal, match=re.escape(said)) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_groups_inside_groups_are_reported_from_the_outermost() -> None:
    class Inner(SettingsGroup):
        share: float

    class Outer(SettingsGroup):
        inner: Inner

    with pytest.raises(Refusal, match=r"^Outer\.inner\.share: found 'x', allowed a valid number$"):
        Outer(inner={"share": "x"})
    assert Outer(inner={"share": 0.5}).inner.share == 0.5
