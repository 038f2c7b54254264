import json

import pytest

from service.redaction import REMOVED_KEY, holds_key, may_hold_key, remove_unkept, told
from tests.support.planted import KEYS


@pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))
@pytest.mark.parametrize("form", ["{}", "key: {}, thanks", "({})", "Bearer {}", "\u00e9 {} \u00e9"])
def test_a_key_is_found_and_taken_out(key: str, form: str) -> None:
    text = form.format(key)
    assert holds_key(text)
    assert may_hold_key(json.dumps(text).encode())
    assert told(text) == form.format(REMOVED_KEY)
    body = {"metadata": {key: "1", "note": [text]}}
    assert sorted(remove_unkept(body)) == [f"metadata.{REMOVED_KEY}", "metadata.note.0"]
    assert body == {"metadata": {"note": [form.format(REMOVED_KEY)], REMOVED_KEY: "1"}}


@pytest.mark.parametrize(
    "text",
    [
        "pi_3MmlLrLkdIwHu7ix0snN0B15",
        "acct_1Nv0FGQ9RKHgCVdK",
        "whsec_",
        "sk_test_",
        "eyJhbGciOiJub25lIn0",  # the beginning of a page token, say
        "00D000000000001EAA",
        "task_test_1",
        "",
    ],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert not holds_key(text)
    assert told(text) == text


def test_a_private_key_that_is_cut_off_is_gone_to_its_end() -> None:
    assert told("see -----BEGIN RSA PRIVATE KEY-----\nMIIEow") == f"see {REMOVED_KEY}"
