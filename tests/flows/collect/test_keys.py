"""`Keys`: which keys a plan and the environment make, and which they cannot."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from flows.collect.keys import MAX_KEY, Keys
from operators.plan.checked import Collect, WriteKey
from schemas.errors import UsageError

WEB = WriteKey("web", browser=True, key="wk_shop_pages_1", rate=1, burst=1)
ERP = WriteKey("erp", browser=False, key=None, rate=1, burst=1)
OF_ERP = "fedcba9876543210"


def test_each_key_is_found_by_its_text_alone() -> None:
    keys = Keys(Collect(keys=(WEB, ERP)), {"erp": SecretStr(OF_ERP)})
    assert (keys.find("wk_shop_pages_1"), keys.find(OF_ERP)) == (WEB, ERP)
    for told in ("", "web", "erp", "None", OF_ERP[:-1], f"{OF_ERP} ", OF_ERP.upper(), "k" * (MAX_KEY + 1), "\ud800"):
        assert keys.find(told) is None


@pytest.mark.parametrize(
    ("servers", "sentence"),
    [
        ({}, "the write key 'erp' of collect.yaml has no value: set BECKON_WRITE_KEYS to 'erp=...'"),
        ({"erp": OF_ERP, "crm": OF_ERP}, "BECKON_WRITE_KEYS has a key for 'crm', and the plan's collect.yaml no such key"),
        # What stands in pages is no secret.
        ({"erp": "wk_shop_pages_1"}, "the write keys 'web' and 'erp' must differ; they are the same"),
    ],
)
def test_keys_that_cannot_be_are_told_without_their_text(servers: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        Keys(Collect(keys=(WEB, ERP)), {name: SecretStr(text) for name, text in servers.items()})
    assert str(refused.value) == sentence
