"""`Settings`: what the environment says, in variables that begin with `BECKON_`. The one reader of the environment.

What an option of a command says goes before what is said here. Secrets have no option: a command line is seen by everybody on the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import UsageError

PREFIX = "BECKON_"
LEAST_KEY = 16
"""Shorter keys can be guessed."""


class Settings(BaseSettings):
    """All settings; `BECKON_KAFKA_SASL_USERNAME` is `kafka_sasl_username`, and so on."""

    # `hide_input`: an error never repeats a value, which may be a secret.
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    plan: Path | None = Field(None, description="--plan")
    output: Path | None = Field(None, description="--output")
    state: Path | None = Field(None, description="--state")
    cache: Path = Field(Path(".cache/data"), description="--cache")
    kafka: str | None = Field(None, description="--kafka")
    topic: str | None = Field(None, description="--topic")
    metrics_port: int | None = Field(None, ge=0, le=65535, description="--metrics-port")
    metrics_host: str = Field("127.0.0.1", description="the address at which the metrics are served; 0.0.0.0 for all")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] | None = Field(
        None, description="SASL_SSL where a mechanism is given, SSL where a TLS file is, else PLAINTEXT"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(None, description="how to log in")
    kafka_sasl_username: str | None = Field(None, description="who logs in")
    kafka_sasl_password: SecretStr | None = Field(None, description="the password that goes with it; never shown")
    kafka_tls_ca: Path | None = Field(None, description="file of certificate authorities; else the system's")
    kafka_tls_cert: Path | None = Field(None, description="file of the client's certificate")
    kafka_tls_key: Path | None = Field(None, description="file of its key")
    kafka_tls_key_password: SecretStr | None = Field(None, description="the password of the key file; never shown")
    zerobounce_key: SecretStr | None = Field(None, description="the API key of ZeroBounce; never shown")
    zerobounce_url: str | None = Field(None, description="its address, where it is another region's, such as https://api-eu.zerobounce.net")
    neverbounce_key: SecretStr | None = Field(None, description="the API key of NeverBounce; never shown")
    neverbounce_url: str | None = Field(None, description="its address, where that is another one")
    sendgrid_webhook_key: SecretStr | None = Field(
        None, description="the verification key of SendGrid's signed event webhook; several with a comma between"
    )
    mailgun_webhook_key: SecretStr | None = Field(None, description="Mailgun's HTTP webhook signing key; several alike; never shown")
    postmark_webhook_key: SecretStr | None = Field(
        None, description="user:password of Postmark's webhooks, or the value of their header; several alike; never shown"
    )
    resend_webhook_key: SecretStr | None = Field(
        None, description="the signing secret of Resend's webhook, whsec_...; several alike; never shown"
    )
    suppression_key: SecretStr | None = Field(
        None, description="key of the suppression list, at least 16 characters; else a file beside the state has it"
    )
    forms_key: SecretStr | None = Field(
        None, description="key of what the forms of `beckon collect` sign, at least 16 characters; else a file in its --data has it"
    )
    write_keys: SecretStr | None = Field(None, description="the write keys of servers for `beckon collect`: name=key,name=key; never shown")
    crm_keys: SecretStr | None = Field(None, description="keys of CRMs by name, such as hubspot=...,erp=...; never shown")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least level that is logged")
    log_format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal, else one JSON object a line")

    @field_validator("suppression_key", "forms_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < LEAST_KEY:
            raise ValueError(f"must have at least {LEAST_KEY} characters")
        return value

    @property
    def crm_secrets(self) -> dict[str, SecretStr]:
        """The keys of CRMs by name, which they choose; UsageError where they are not written as they must be."""
        return named_secrets("CRM_KEYS", self.crm_keys, 1)

    @property
    def server_keys(self) -> dict[str, SecretStr]:
        """The write keys of servers by name; UsageError where they are not written as they must be."""
        return named_secrets("WRITE_KEYS", self.write_keys)


def named_secrets(variable: str, told: SecretStr | None, least: int = LEAST_KEY) -> dict[str, SecretStr]:
    """The secrets of a variable that has several, by name; UsageError where they are not written as they must be.

    >>> named_secrets("WRITE_KEYS", SecretStr("erp=0123456789abcdef, web=fedcba9876543210")).keys()
    dict_keys(['erp', 'web'])
    """
    found: dict[str, SecretStr] = {}
    for part in filter(None, (told.get_secret_value() if told else "").split(",")):
        name, _, secret = part.strip().partition("=")
        if not name or len(secret) < least:
            raise UsageError(f"{PREFIX}{variable} must be like 'name=secret,name=secret', each secret of {least} characters or more")
        found[name] = SecretStr(secret)
    return found


def read_settings() -> Settings:
    """The settings; UsageError that names each variable whose value cannot be."""
    try:
        return Settings()
    except ValidationError as error:
        found = [
            ("_".join(map(str, each["loc"])).upper(), each["msg"]) for each in error.errors(include_input=False, include_context=False)
        ]
        wrong = [f"{PREFIX}{name}: {words.removeprefix('Value error, ')}" for name, words in found]
        raise UsageError(f"the environment has settings that cannot be: {'; '.join(wrong)}") from None
