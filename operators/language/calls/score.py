"""`score`: the latest score of a model, in [0, 1], None before the first: `score` of the latest event Scored with that `model`.

>>> from operators.trial import trial
>>> trial("score('churn')", ("Scored", 0, {"model": "churn", "score": 0.9}), ("Scored", 1, {"model": "other", "score": 0.1}), at=1)
0.9
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.edge_slots import LatestSlot
from operators.language.nodes import And, Call, CallRow, Compare, Const, Parameter, Prop
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call: the last `score` of the events that bring one of this model."""
    slot = context.slot(LatestSlot, scores_of(call["model"]), compared)
    read: Value = slot.reading()
    return read


def scores_of(model: str) -> Call:
    """The call that a score stands for."""
    score = Prop(("score",))
    usable = And((Compare("==", Prop(("model",)), Const(model)), Compare(">=", score, Const(0)), Compare("<=", score, Const(1))))
    return Call("last", (("events", ("Scored",)), ("property", ("score",)), ("where", usable)))


ROW = CallRow(
    name="score",
    gives="number",
    parameters=(Parameter("model", "text", required=True),),
    doc="the latest score of a model, in [0, 1], None before the first: `score` of the latest event Scored with that `model`",
    boundaries="none",
    state="the last score",
    example="score('churn') > 0.8",
    compile=compile,
)
