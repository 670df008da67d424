"""Selectors as a whole: the tricky ones by hand, two thousand that Artemis 2.44.0's own parser answered, and look-ups in messages."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.selectors import PROPERTIES

from corewire.errors import ErrorCode, InvalidFilterExpression
from corewire.values import Long
from corewire.wire.message import CoreMessage, encode_message
from corewire_server.core.filters import TEXT_CHARS_MAX, Filter, lookup_for

VECTORS = Path(__file__).parent.parent / "vectors" / "selectors.jsonl"

MATCHES = r"""
NOT (name = 'Bob') ; NOT t = FALSE ; NOT st ; TRUE ; 1 = 1 ; bt = 33 ; sh = 7 ; lg = 123 ; 123 = lg ; lg = 123.0
db = 0.1 ; rank <> '123' ; s1 < s2 ; (name) IN ('James') ; unknown = unknown2 ; rank <> unknown ; 5 <> unknown
NULL IS NULL ; emp LIKE '%' ; rank NOT LIKE '1%' ; pct LIKE '50!%' ESCAPE '!' ; foo LIKE '%_%' ESCAPE '%'
us LIKE '%D7xlJIQn%_' ESCAPE '%' ; nl LIKE 'a%b' ; nl LIKE 'a_b' ; name + 1 = 'James1' ; 'n' + rank = 'n123'
bt + 1 = 34 ; rank / 2 = 61.5 ; version / 2 = 1 ; rank / 0 > 1 ; neg % 3 = -2 ; 2147483647 + 1 = -2147483648
2147483648 + 1 = 2147483649 ; zero = 18446744073709551616 ; 1.0E400 > 5 ; rank = 0173 ; rank = 0x7B
name='James'AND rank=123 ; t OR by > 1 ; ch IS NOT NULL ; name = 'James' = TRUE ; (name = 'James') = t ; t > f
NOT (f AND unknown) ; unknown OR t ; "a.b" = 'x' ; convert_string_expressions:num = 5 ; 'it''s' = 'it''s'
convert_string_expressions:rank + num = 128 ; hyphenated_props:a-b = 1 ; hyphenated_props:no_hyphenated_props:"a.b" = 'x'
min = -9223372036854775808 ; nan = nan ; by = by ; bmp > astral ; ((name = 'x' AND by > 1) OR t) ; NOT XQUERY 'x'
(unknown = 1 AND by > 1) OR t ; (rank BETWEEN unknown AND by) OR t ; rank BETWEEN 1 AND 2 + 121 AND t ; i24 = fbig
'' + db = '0.1' ; '' + fl = '0.1' ; '' + d7 = '1.0E7' ; '' + t = 'true' ; '' + ch = 'x' ; rank/* a */=/* b */123
"""
DIFFERS = r"""
NOT name = 'James' ; NOT unknown ; st ; t = 'true' ; rank ; name ; NULL ; 33 = bt ; 7 = sh ; fl = 0.1 ; fl = db ; rank = '123'
num = 5 ; num > 4 ; rank IN ('123') ; rank NOT IN ('5') ; unknown NOT IN ('a') ; unknown <> unknown2 ; unknown <> rank
unknown <> 5 ; emp IS NULL ; rank LIKE '1%' ; unknown NOT LIKE 'a' ; name LIKE 'j%' ; pct LIKE '5!0%' ESCAPE '!'
us LIKE '%D7xlJIQn%%' ESCAPE '%' ; rank + '1' = 124 ; -name = 'x' ; -bt = -33 ; rank / 2 = 61 ; rank % 0 = 1 ; rank < 99999999999999999999 ; 0.0 = -0.0
rank = 123 -- c ; RANK = 123 ; by > 1 ; by > 1 OR t ; by = 'x' ; by = by2 ; ch = 'x' ; 'a' = TRUE ; rank > t ; f OR unknown
t AND unknown ; rank BETWEEN 200 AND 100 ; unknown NOT BETWEEN 1 AND 2 ; name = "James" ; a-b = 1 ; XQUERY 'x'
convert_string_expressions:name > 4 ; convert_string_expressions:num + 1 = 6 ; NOT ((unknown = 1 AND by > 1) OR t)
"""
INVALID = r"""
NOT rank > 100 ; 1 ; 'x' ; name > 'Ja' ; name BETWEEN 'A' AND 'Z' ; 'a' < 'b' ; rank IN (123) ; 'a' IN ('a') ; unknown = NULL
pct LIKE '5%' ESCAPE 'ab' ; pct LIKE '5%' ESCAPE '' ; rank = 08 ; rank = 123f ; a.b = 'x' ; TRUE <> 'a' ; rank > 100 > 50
rank == 123 ; rank != 123 ; rank IN () ; rank BETWEEN 1 ; rank BETWEEN 1 OR 2 ; (rank = 1 ; rank = 1) ; rank = ; = 1 ; t t
name LIKE 5 ; name LIKE rank ; rank IS 5 ; rank IS NOT ; t NOT ; NOT ; - ; 'open ; "open ; rank = 0xFFFFFFFFFFFFFFFF ; XPATH 'x'
rank IS NULL LIKE 'x' ; name LIKE 'x' + 1 ; hyphenated_props:"a.b" = 'x' ; rank BETWEEN 1 = 2 AND 3 ; -rank
"""


def split(table: str) -> list[str]:
    return [text.strip() for line in table.strip().splitlines() for text in line.split(" ; ")]


def matches(text: str) -> bool:
    return Filter(text).matches(PROPERTIES.get)


@pytest.mark.parametrize("text", split(MATCHES))
def test_selector_matches(text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize("text", split(DIFFERS))
def test_selector_does_not_match(text: str) -> None:
    assert not matches(text)


@pytest.mark.parametrize("text", split(INVALID))
def test_selector_is_refused_with_position_and_reason(text: str) -> None:
    with pytest.raises(InvalidFilterExpression, match=r"Invalid filter: .+ at character \d+: ") as caught:
        Filter(text)
    assert caught.value.code is ErrorCode.INVALID_FILTER_EXPRESSION


def test_a_line_comment_needs_a_line_end() -> None:
    assert matches("rank = 123 -- c\n")
    assert matches("rank = -- c\r 123")


def test_answers_are_those_of_the_reference() -> None:
    answers = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    # an evaluation that fails, E in the file, does not match
    different = [(answer, text) for answer, text in answers if answer.replace("E", "F") != _answer(text)]
    assert len(answers) == 2150
    assert different == []


def _answer(text: str) -> str:
    """T, F, or X for an invalid one."""
    try:
        return "T" if matches(text) else "F"
    except InvalidFilterExpression:
        return "X"


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_text_is_no_filter(nothing: str | None) -> None:
    assert Filter.parse(nothing) is None


@pytest.mark.parametrize("blank", [" ", "\n\t", "/* */", "convert_string_expressions:"])
def test_a_blank_text_is_invalid(blank: str) -> None:
    with pytest.raises(InvalidFilterExpression, match="expected a value"):
        Filter.parse(blank)


def test_too_long_a_text_is_invalid() -> None:
    Filter("t" + " " * (TEXT_CHARS_MAX - 1))
    with pytest.raises(InvalidFilterExpression, match="longer than"):
        Filter("t" + " " * TEXT_CHARS_MAX)


def test_identifiers_are_named_once_in_the_order_of_the_text() -> None:
    found = Filter("""b = 'c' AND "a.b" IN ('x') OR NOT (b < AMQSize) AND TRUE""").identifiers
    assert found == ("b", "a.b", "AMQSize")


def test_filters_are_equal_if_their_texts_are() -> None:
    assert Filter("a = 1") == Filter("a = 1") != Filter("a  = 1")
    assert len({Filter("a = 1"), Filter("a = 1"), Filter("b = 1")}) == 2
    assert repr(Filter("a = 1")) == "Filter('a = 1')"


@given(st.text(alphabet=st.sampled_from("aN1'\"-/*\n() =<>.,eEx0OTR_%IS\ud800é"), max_size=40) | st.text(max_size=40))
def test_any_text_is_a_filter_or_invalid(text: str) -> None:
    with suppress(InvalidFilterExpression):
        found = Filter.parse(text)
        assert found is None or found.matches(PROPERTIES.get) in (True, False)


# -- look-ups in messages ----------------------------------------------------------------------------------------------

USER_ID = bytes.fromhex("123e4567e89b42d3f456426614174000")
MESSAGE = CoreMessage(
    encode_message(
        bytes(10),
        address="orders",
        user_id=USER_ID,
        durable=True,
        expiration=1_700_000_000_001,
        timestamp=5,
        priority=7,
        properties={"_AMQ_GROUP_ID": "g", "_AMQ_Hops": b"\0\0\0\2", "AMQOwn": "own", "color": "red", "none": None},
    )
)
BARE = CoreMessage(encode_message(b"", address=None, properties={"AMQAddress": "property", "NATIVE_MESSAGE_ID": "n1"}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AMQPriority", 7),
        ("AMQTimestamp", Long(5)),
        ("AMQExpiration", Long(1_700_000_000_001)),
        ("AMQDurable", "DURABLE"),
        ("AMQUserID", "ID:123e4567-e89b-12d3-b456-426614174000"),
        ("AMQSize", len(MESSAGE.raw)),
        ("AMQAddress", "orders"),
        ("AMQGroupID", "g"),
        ("AMQOwn", "own"),
        ("_AMQ_Hops", 2),
        ("_AMQ_HopsOfOthers", 2),
        ("color", "red"),
        ("none", None),
        ("JMSPriority", None),
    ],
)
def test_identifier_is_a_header_or_a_property(name: str, expected: object) -> None:
    found = lookup_for(MESSAGE)(name)
    assert (type(found), found) == (type(expected), expected)


def test_missing_header_is_looked_up_as_a_property() -> None:
    lookup = lookup_for(BARE)
    assert (lookup("AMQAddress"), lookup("AMQUserID"), lookup("AMQGroupID")) == ("property", "n1", None)
    assert lookup("AMQDurable") == "NON_DURABLE"
    assert lookup("_AMQ_Hops") is None


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"_AMQ_Hops": b"\1"}, "_AMQ_Hops >= 0"),
        ({"_AMQ_Hops": "2"}, "_AMQ_Hops >= 0"),
        ({"_AMQ_GROUP_ID": b"g"}, "AMQGroupID = 'g'"),
    ],
)
def test_header_property_of_a_wrong_type_matches_nothing(properties: dict[str, str | bytes], text: str) -> None:
    message = CoreMessage(encode_message(b"", address="a", properties=properties))
    assert not Filter(f"{text} OR TRUE").matches(lookup_for(message))


def test_headers_do_not_need_readable_properties() -> None:
    broken = CoreMessage(MESSAGE.raw[:-1])
    assert Filter("AMQPriority = 7").matches(lookup_for(broken))
    assert not Filter("color = 'red' OR TRUE").matches(lookup_for(broken))
