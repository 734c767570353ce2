"""Phone numbers: `e164`, the form with a plus that is one in all the world."""

from __future__ import annotations

from functools import lru_cache

from phonenumbers import NumberParseException, PhoneNumberFormat, country_code_for_region, format_number, is_valid_number, parse


@lru_cache(maxsize=4096)
def e164(text: str, country: str | None = None) -> str | None:
    """The number by E.164, read as somebody in the country (ISO 3166) would dial it; None where it is no number there. One that begins with
    the code of the country may lack its plus. An extension is left out.

    >>> e164("(0171) 123 45 67", "DE"), e164("+49 171 1234567"), e164("49171 1234567", "DE"), e164("0171 1234567")
    ('+491711234567', '+491711234567', '+491711234567', None)
    """
    code = str(country_code_for_region(country)) if country is not None else "0"
    return (_valid(f"+{text}", None) if code != "0" and text.startswith(code) else None) or _valid(text, country)


def _valid(text: str, country: str | None) -> str | None:
    try:
        number = parse(text, country)
    except NumberParseException:
        return None
    return format_number(number, PhoneNumberFormat.E164) if is_valid_number(number) else None
