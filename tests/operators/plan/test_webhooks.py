"""The webhooks of a plan, as they are checked; broken ones stand in `broken/webhooks`."""

from __future__ import annotations

from operators.plan.checked import Webhook
from operators.plan.read import read_plan

PLAN = "name: shop\ntopics: {news: , offers: }\n"
SEGMENTS = "segments: {buyers: did('Order Completed')}\n"
ARN = "arn:aws:sns:eu-west-1:123456789012:mails"
COLLECT = f"""\
webhooks:
  sendgrid:
    topics: {{"10": news}}
  marketing: {{esp: postmark, header: X-Webhook-Token}}
  mailgun: {{window: 9h}}
  ses: {{arns: [{ARN}, arn:aws-cn:sns:cn-north-1:123456789012:mails.fifo, arn:aws-us-gov:sns:us-gov-west-1:123456789012:m]}}
"""


def read(collect: str | None) -> tuple[Webhook, ...]:
    files = {"plan.yaml": PLAN, "segments.yaml": SEGMENTS} | ({} if collect is None else {"collect.yaml": collect})
    return read_plan(files).collect.webhooks


def test_webhooks_are_read_whole() -> None:
    found = {webhook.name: webhook for webhook in read(COLLECT)}
    assert found["sendgrid"] == Webhook("sendgrid", "sendgrid", topics={"10": "news"})
    assert found["marketing"] == Webhook("marketing", "postmark", header="X-Webhook-Token")
    assert found["mailgun"] == Webhook("mailgun", "mailgun", window_ms=9 * 3_600_000)
    assert found["ses"].esp == "ses"
    assert found["ses"].arns[0] == ARN
    assert len(found["ses"].arns) == 3


def test_a_plan_without_webhooks_has_none() -> None:
    assert read(None) == read("") == read("webhooks: {}") == ()


def test_webhooks_are_no_part_of_what_an_outcome_hangs_on() -> None:
    files = {"plan.yaml": PLAN, "segments.yaml": SEGMENTS}
    assert read_plan(files).version == read_plan({**files, "collect.yaml": COLLECT}).version
