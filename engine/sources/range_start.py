"""Where the search for the range of a Brownian bridge starts: within a hundredth or two.

A polynomial whose coefficients ``python -m engine.sources.fit_range_start`` prints; what it stands
for is said there.
"""

from __future__ import annotations

import math
from typing import Final

from engine.compiled import fma, inlined

__all__ = ["range_start"]

_START: Final = (
    (
        (3.0318961513552294, 3.324614264606392, 7.759010675977233, -8.075967733491495),
        (-13.237896974023505, 71.1140270906941, -162.30517715494065, 84.76148657139032),
        (33.28945902850152, -110.07373479807673, -2.292454086396109, 386.3299731463971),
        (-22.627733977182594, -13.728298935773225, 513.2764568865471, -947.2149079839654),
    ),
    (
        (-12.742866039638116, 56.93632554500987, -177.28739453180174, 136.78313338918613),
        (123.19862221240862, -748.4927335624359, 1245.976319073322, -786.2562685731517),
        (-309.8333559812458, 776.0207791191671, 567.7932628444293, -1308.597639509291),
        (196.37606541188916, 213.0470829965949, -2834.209587490982, 2970.5677105638456),
    ),
    (
        (15.954020508969165, -114.11848806732928, 351.491391564678, -279.51485125103903),
        (-289.547212676815, 1596.2083810419927, -2599.888603513565, 1850.2798928464529),
        (739.8579037389999, -1552.3617460675482, -868.4463376171013, 755.9312139560179),
        (-460.53866337324104, -493.84027506085874, 4323.95632776782, -2344.197124397838),
    ),
    (
        (-5.602400536994992, 60.18668666218582, -198.1494148466441, 163.2112176309788),
        (204.28734625735774, -1084.2751972088836, 1764.4415553799029, -1330.3110190774187),
        (-529.3015466883472, 1136.3510070564598, 140.1740904156968, 454.2834444031283),
        (327.2826582944348, 230.71555704083585, -2031.218537548983, -44.995198426491925),
    ),
)


@inlined
def range_start(x: float, s: float, t: float) -> float:
    """Return about the range of a bridge, in its standard deviations.

    Parameters
    ----------
    x : float
        Distance between its ends.
    s : float
        Sum of the distances of both ends from the maximum.
    t : float
        ``sqrt(-2 ln u)`` of the uniform `u` of the range.
    """
    length, share, depth = 0.25 * s, x / (x + t), 0.25 * t
    delta = _cubic(
        _of_plane(_START[0], share, depth),
        _of_plane(_START[1], share, depth),
        _of_plane(_START[2], share, depth),
        _of_plane(_START[3], share, depth),
        length,
    )
    return 0.5 * (x + math.sqrt(max(fma(s, s, fma(t, t, delta)), 0.0)))


@inlined
def _of_plane(plane: tuple[tuple[float, ...], ...], share: float, depth: float) -> float:
    return _cubic(
        _of_row(plane[0], depth),
        _of_row(plane[1], depth),
        _of_row(plane[2], depth),
        _of_row(plane[3], depth),
        share,
    )


@inlined
def _of_row(row: tuple[float, ...], depth: float) -> float:
    return _cubic(row[0], row[1], row[2], row[3], depth)


@inlined
def _cubic(c0: float, c1: float, c2: float, c3: float, v: float) -> float:
    return fma(fma(fma(c3, v, c2), v, c1), v, c0)
