"""Counter-based random numbers: functions of (seed, purpose, path, step), with no state."""

from engine.randomness.normals import (
    GROUP,
    SEGMENT,
    fill_normals,
    fill_uniforms,
    normal_pair,
    uniform,
    words,
)
from engine.randomness.philox import philox, philox_reference
from engine.randomness.streams import PATH_VERSION, Stream

__all__ = [
    "GROUP",
    "PATH_VERSION",
    "SEGMENT",
    "Stream",
    "fill_normals",
    "fill_uniforms",
    "normal_pair",
    "philox",
    "philox_reference",
    "uniform",
    "words",
]
