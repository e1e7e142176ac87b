from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from engine.compiled import kernel
from engine.randomness import (
    GROUP,
    SEGMENT,
    Stream,
    fill_normals,
    fill_uniforms,
    philox_reference,
)


@kernel
def _fill(seed, stream, path, first_group, uniforms, out):
    for group in range(out.size // GROUP):
        part = out[group * GROUP : (group + 1) * GROUP]
        if uniforms:
            fill_uniforms(part, seed, stream, path, np.uint64(first_group + group))
        else:
            fill_normals(part, seed, stream, path, np.uint64(first_group + group), 1.0)


def _numbers(size, *, seed=42, stream=0, path=0, first_group=0, uniforms=False) -> NDArray:
    out = np.empty(size)
    _fill(np.uint64(seed), np.uint64(stream), np.uint64(path), first_group, uniforms, out)
    return out


def test_uniforms_follow_the_written_layout():
    seed, stream, path, group = 2**63 + 12345, 0x102, 2**40 + 5, 3
    out = _numbers(GROUP, seed=seed, stream=stream, path=path, first_group=group, uniforms=True)
    for place in (0, 17, 63):
        counter = [SEGMENT * group + place, stream, path & 0xFFFFFFFF, path >> 32]
        words = philox_reference(counter, [seed & 0xFFFFFFFF, seed >> 32])
        for segment, word in enumerate(words):
            assert out[segment * SEGMENT + place] == (word + 0.5) / 2**32


def test_normals_follow_the_written_layout():
    out = _numbers(GROUP, first_group=1)
    for place in (0, 40):
        words = philox_reference([SEGMENT + place, 0, 0, 0], [42, 0])
        for pair in (0, 1):
            radius = math.sqrt(-2 * math.log((words[2 * pair] + 0.5) / 2**32))
            low = words[2 * pair + 1]
            angle = (((low & 0x3FFFFFFF) + 0.5) / 2**30 - 0.5) * math.pi / 2
            sine, cosine = math.sin(angle), math.cos(angle) * (-1 if low >> 30 & 1 else 1)
            expected = (sine, cosine) if low >> 31 else (cosine, sine)
            found = out[2 * pair * SEGMENT + place], out[(2 * pair + 1) * SEGMENT + place]
            assert found == pytest.approx([radius * value for value in expected], abs=2e-10)


def test_any_group_can_be_drawn_alone():
    whole = _numbers(10 * GROUP)
    assert (_numbers(2 * GROUP, first_group=5) == whole[5 * GROUP : 7 * GROUP]).all()


def test_normals_have_the_moments_and_tails_of_the_normal_law():
    z = _numbers(1 << 20)
    n = z.size
    assert abs(z.mean()) < 4 / math.sqrt(n)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / n)
    assert abs((z**3).mean()) < 4 * math.sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 4 * math.sqrt(96 / n)
    assert stats.kstest(z, "norm").pvalue > 1e-4


@pytest.mark.parametrize("lag", [1, 64, 128, 256])
def test_normals_are_uncorrelated_along_the_path(lag):
    z = _numbers(1 << 20)
    for f in (lambda x: x, lambda x: x * x - 1):
        product = f(z[lag:]) * f(z[:-lag])
        assert abs(product.mean()) < 4 * product.std() / math.sqrt(product.size)


def test_seeds_streams_and_paths_give_unrelated_numbers():
    base = _numbers(1 << 16)
    for other in (
        _numbers(1 << 16, seed=43),
        _numbers(1 << 16, stream=1),
        _numbers(1 << 16, path=1),
        _numbers(1 << 16, path=2**32),
    ):
        assert abs(np.corrcoef(base, other)[0, 1]) < 4 / math.sqrt(base.size)


def test_no_two_purposes_share_a_stream():
    values = [int(stream) for stream in Stream]
    assert len(set(values)) == len(values)
    assert all(later - earlier >= 0x100 for earlier, later in itertools.pairwise(values))
