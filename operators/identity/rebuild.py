"""`rebuild`: a person made anew of its kept events, just as they made it when they came."""

from __future__ import annotations

from collections.abc import Iterable

from operators.change import Past
from operators.consent import untold
from operators.emit import Emit
from operators.person import PersonStage
from schemas.consent import Act
from schemas.person import Person, new_person


def rebuild(stage: PersonStage, id: str, past: Iterable[Past], watermark: int, now: int, acts: Iterable[Act] = ()) -> Person:
    """The person as these events made it, in the order of their numbers, up to the lane's watermark, and looked at at `now` where its clock
    is not later. Of its `acts` of consent those of which no event tells any more were there before. Nothing is put out."""
    past = list(past)
    p, emit, mismatched = new_person(id), Emit("", 1), stage.rules.mismatched
    # These comparisons were made before.
    before = mismatched.copy()
    linked: list[Past] = []
    touched = stage.permit(p, untold(acts, {each.event.message_id for each in past}))
    for each in past:
        if each.linked:
            linked.append(each)
            continue
        stage.apply(p, each.event, each.event.t if each.watermark is None else each.watermark, emit, linked, touched)
        touched = 0
        p.count = each.n
        linked.clear()
        emit.outputs.clear()
    stage.advance(p, max(watermark, now + 1), emit)
    p.clock = max(p.clock, now)
    mismatched.clear()
    mismatched.update(before)
    return p
