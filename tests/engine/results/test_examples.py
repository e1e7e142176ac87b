"""The examples in the docstrings of the room print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import engine.results

MODULES = [module.name for module in pkgutil.iter_modules(engine.results.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name: str) -> None:
    module = importlib.import_module(f"engine.results.{name}")
    assert doctest.testmod(module, extraglobs={}).failed == 0
