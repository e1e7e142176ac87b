from __future__ import annotations

import numpy as np

from engine.compiled import inlined, kernel, source_hash


def _make(shift, table=(1.0, 2.0)):
    @inlined
    def callee(x):
        return x + shift

    def caller(x):
        """Text that does not count."""
        return callee(x) * table[0]

    return caller


def test_equal_code_has_an_equal_hash_and_compilation_does_not_count():
    assert source_hash(_make(1.0)) == source_hash(_make(1.0))


def test_a_captured_constant_of_a_callee_counts():
    assert source_hash(_make(1.0)) != source_hash(_make(2.0))
    assert source_hash(_make(1.0, (1.0, 2.5))) != source_hash(_make(1.0))


def test_a_captured_array_counts_by_its_content():
    def with_array(array):
        def function(x):
            return x + array[0]

        return function

    zeros = source_hash(with_array(np.zeros(3)))
    assert zeros == source_hash(with_array(np.zeros(3)))
    assert zeros != source_hash(with_array(np.ones(3)))


def test_recursion_ends():
    def again(n):
        return 1 if n < 1 else again(n - 1)

    assert len(source_hash(again)) == 64


def test_a_class_counts_by_its_methods():
    def make(amount):
        class Rule:
            limit = amount

            def apply(self, x):
                return x

        return Rule

    assert source_hash(make(1)) == source_hash(make(1))
    assert source_hash(make(1)) != source_hash(make(2))


def test_a_compiled_function_and_its_original_differ_only_by_options():
    def function(x):
        return x

    assert source_hash(kernel(function)) == source_hash(kernel(function))
    assert source_hash(kernel(function)) != source_hash(kernel(boundscheck=True)(function))
