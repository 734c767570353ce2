"""`consent`: true where consent to a topic is given, false where it is withdrawn, None where nobody has said so or otherwise.

>>> from operators.trial import trial
>>> given, withdrawn = ("Consent Given", 0, {"topic": "news"}), ("Consent Withdrawn", 1, {"topic": "news"})
>>> [trial("consent('news')", *acts, at=1) for acts in ((), (given,), (given, withdrawn))]
[None, True, False]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared
from operators.permission import consent

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    topic = call["topic"]
    context.consent()
    return lambda p, now: consent(p.acts, topic)[0]


ROW = CallRow(
    name="consent",
    gives="boolean",
    parameters=(Parameter("topic", "topic", required=True),),
    doc="true where consent to a topic of the plan is given, false where it is withdrawn, None where nobody has said so or otherwise",
    boundaries="none",
    state="nothing: consents are kept anyway",
    example="consent('newsletter')",
    compile=compile,
)
