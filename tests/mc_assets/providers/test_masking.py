"""Keys cut out of texts, in whatever way they are written."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mc_assets.providers.failures import Failure
from mc_assets.providers.masking import masked
from mc_assets.providers.network import check_status

KEY = "pk\"4f'x/9+Q=7&zz\\k%1"
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent-encoded": quote,
    "percent-encoded to the last": lambda key: quote(key, safe=""),
    "in a form": quote_plus,
    "percent-encoded twice": lambda key: quote(quote(key, safe=""), safe=""),
    "in small hexadecimal": lambda key: "".join(f"%{ord(letter):02x}" for letter in key),
    "JSON": json.dumps,
    "JSON with slashes": lambda key: json.dumps(key).replace("/", "\\/"),
    "JSON in codes": lambda key: "".join(f"\\u{ord(letter):04x}" for letter in key),
    "JSON in JSON": lambda key: json.dumps(json.dumps(key)),
    "Python": repr,
    "Python of JSON": lambda key: repr(json.dumps(key)),
    "Python in codes": lambda key: "".join(f"\\x{ord(letter):02x}" for letter in key),
    "HTML": html.escape,
    "HTML in numbers": lambda key: "".join(f"&#{ord(letter)};" for letter in key),
    "HTML in hexadecimal": lambda key: "".join(f"&#x{ord(letter):X};" for letter in key),
    "capitals": str.upper,
    "a shell's": lambda key: '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "bytes of Python": lambda key: repr(key.encode()),
}
PADS = ("", "a", "ab", "user:", "user:x", "user:xy")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_stretch_of_a_key_is_left(form: Callable[[str], str]) -> None:
    said = masked(f"401 for {form(KEY)}, sorry", [KEY])
    assert said.startswith("401 for ")
    assert said.endswith(", sorry")
    assert "***" in said
    for at in range(len(KEY) - 4):
        piece = KEY[at : at + 4]
        assert piece not in said
        assert form(piece).strip("\"'") not in said.replace("***", "")


@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_in_base64_is_cut_out_wherever_it_stands(
    pad: str, encode: Callable[[bytes], bytes]
) -> None:
    code = encode(f"{pad}{KEY}:tail".encode()).decode()
    said = masked(f"Basic {code}", [KEY])
    # At most the letters that also depend on the neighbours are left.
    middle = code[len(pad) * 4 // 3 + 2 : -8]
    assert not any(middle[at : at + 8] in said for at in range(len(middle) - 8))
    assert "***" in said


def test_a_part_of_a_key_that_tells_is_cut_out_and_a_word_is_not() -> None:
    assert masked("key ABCDEFGHIJ... is wrong", ["ABCDEFGHIJKLMNOP"]) == "key ***... is wrong"
    assert masked("key ABC is wrong", ["ABCDEFGHIJKLMNOP"]) == "key ABC is wrong"
    assert masked("the word secret", ["secret"]) == "the word ***"
    assert masked("nothing to hide", ["", "x" * 20]) == "nothing to hide"


@settings(deadline=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60),
    st.sampled_from(sorted(FORMS)),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_whatever_a_key_is_made_of_it_does_not_come_through(
    key: str, form: str, before: str, behind: str
) -> None:
    said = masked(f"{before} {FORMS[form](key)} {behind}", [key])
    assert key not in said
    assert "***" in said


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_error_body_is_masked_before_it_is_cut(form: Callable[[str], str]) -> None:
    for filler in (0, 150, 185, 195, 1_000):
        text = json.dumps({"message": "x" * filler + " " + form(KEY) + " " + "y" * 50})
        with pytest.raises(Failure) as refused:
            check_status(401, None, text, [KEY])
        reason = refused.value.reason
        assert not any(KEY[at : at + 6] in reason for at in range(len(KEY) - 5))
        assert len(reason) < 250


def test_control_characters_of_a_server_do_not_reach_the_terminal() -> None:
    with pytest.raises(Failure) as refused:
        check_status(500, None, json.dumps({"message": "\x1b[2J\r\nmc: all is well"}), [])
    assert refused.value.reason == "status 500, '\\x1b[2J\\r\\nmc: all is well'"
