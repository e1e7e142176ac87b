from __future__ import annotations

import datetime
import hashlib

import numpy as np
import pytest

from engine.jobs.canonical import canonical_json, short_hash


def test_a_hash_names_stored_results_so_it_never_changes() -> None:
    # printf '{"a":1,"b":[1.5,null]}' | sha256sum
    assert short_hash({"b": [1.5, None], "a": 1}) == "993a7a2ceb877d40"


def test_dates_arrays_and_numbers_of_numpy_have_one_form() -> None:
    array = np.array([[1.0, 2.0]])
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    content = {"b": np.int64(3), "a": datetime.date(2020, 1, 2), "c": array}
    expected = f'{{"dtype":"<f8","sha256":"{digest}","shape":[1,2]}}'
    assert canonical_json(content) == f'{{"a":"2020-01-02","b":3,"c":{expected}}}'
    assert canonical_json(array[:, ::-1]) != canonical_json(array)
    assert canonical_json(array.T.copy()) != canonical_json(array)
    assert canonical_json(array.astype("<f4")) != canonical_json(array)


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="a set cannot be hashed: only plain values and arrays can"):
        short_hash({"a": {1, 2}})
