"""`PersonLane`: a lane of the person stage on its own: does to its persons what the records of the stream `resolved` say.

*Guarantees*: those of `Lane`. What comes out for a person is what a lane with both stages puts out, but that what a person who joins
another was sent, and traits that came before all events that are kept, stay behind where they were.
"""

from __future__ import annotations

import msgspec

from operators.change import Past
from operators.consent import latest, untold
from operators.identity.rebuild import rebuild
from operators.identity.relay import ResolvedRecord, Told
from operators.lane.history import Moving, source_kept
from operators.lane.keys import Kept
from operators.lane.lane import MOST_BYTES, TIMER_BYTES, Lane
from operators.lane.ports import Batch
from schemas.counts import Counts
from schemas.errors import UnavailableError
from schemas.person import Person, redirect

_decode = msgspec.json.Decoder(ResolvedRecord).decode


class PersonLane(Lane):
    """One partition's engine over resolved events."""

    def _records(self, batch: Batch, total: Counts) -> None:
        middle = batch.records[len(batch.records) // 2][0] if batch.records else None
        meta, until = self._meta, self._until
        for offset, _, raw in batch.records:
            if offset <= meta.offset:
                total.replayed += 1
                continue
            try:
                record = _decode(raw)
            except msgspec.MsgspecError:
                raise UnavailableError(
                    f"partition {meta.partition}: the record {offset} is none of the identify stage; give the person stage its output"
                ) from None
            meta.offset = offset
            if until is None or record.data.event.t <= until:
                self._tell(record.subject, record.data, total)
            else:
                meta.skipped += 1
                meta.until = until
                total.after_until += 1
            if offset == middle:
                self._reached("mid_batch")
            if self._size > MOST_BYTES:
                self._commit()

    def _tell(self, name: str, told: Told, counts: Counts) -> None:
        """Does what is to happen to a person, once time has come as far as it had there."""
        self._pass(told.watermark)
        if told.do == "apply":
            self._apply(name, told, counts)
        elif told.do == "leave":
            self._leave(name, told)
        elif told.do == "erase":
            self._counted(self._erasure.forget(name, told.event, self._now(told), told.erased), counts)
        else:
            self._anew(name, told)

    def _person(self, name: str) -> Person | None:
        """The person of a name; None where there is none now."""
        p = self._people.row(name)
        return None if p is None or p.to is not None else p

    def _now(self, told: Told) -> int:
        """The watermark of the lane, which is no less than that of the identify lane."""
        return told.watermark if self._meta.watermark is None else self._meta.watermark

    def _apply(self, name: str, told: Told, counts: Counts) -> None:
        event, watermark, p = told.event, self._now(told), self._person(name)
        if p is None:
            p = self._people.born(name)
            counts.persons += 1
        past = [Past(p.count + place, each, None, linked=True) for place, each in enumerate(told.past, 1)]
        size = self._history.put(name, [row_of(each) for each in past])
        added = self._history.add(name, event, p.count + len(past) + 1, watermark)
        if added < 0:
            counts.duplicates += 1
            return
        self._size += size + added
        before = p.acts
        touched = self._permit(p, told, past, watermark)
        self._stage.apply(p, event, watermark, self._emit, past, touched)
        self._applied(p, event, watermark, counts, linked=bool(past) or p.acts is not before)

    def _permit(self, p: Person, told: Told, past: list[Past], watermark: int) -> int:
        """Keeps acts of which no event that the person brings tells; gives the mask of the rules that they may change. What was due before
        does not see them."""
        acts = untold(told.acts, {each.event.message_id for each in past} | {told.event.message_id})
        if latest(p.acts, acts) == p.acts:
            return 0
        self._stage.meet(p, past, told.event, watermark, self._emit)
        return self._stage.permit(p, acts)

    def _leave(self, name: str, told: Told) -> None:
        p = self._person(name)
        if p is not None:
            self._stage.leave(p, told.to, told.event, self._now(told), self._emit)
            self._history.take(name, self._now(told))
            self._meta.persons -= 1
            self._emit.counts.linked += 1
        self._people.put(redirect(name, told.to))
        self._touch(name)

    def _anew(self, name: str, told: Told) -> None:
        p = self._person(name)
        if p is None:
            p = self._people.born(name)
        elif told.count and not self._history.keeps:
            # There is nothing to make it of: it stays as it is.
            p.acts = told.acts
            self._people.put(p)
            self._touch(name)
            return
        past = [Past(each.n, each.event, each.watermark, each.linked) for each in told.rows]
        self._stage.meet(p, [], told.event, self._now(told), self._emit)
        q = rebuild(self._stage, name, past, self._now(told), told.event.t, told.acts)
        q.count = max(q.count, told.count)
        q.layout, q.sent, q.entries = p.layout, p.sent, p.entries
        self._history.take(name, self._now(told))
        self._size += self._history.put(name, [row_of(each) for each in past])
        self._people.put(q)
        self._stage.differ(q, past, told.watermark, p.members, max(p.clock, q.clock), told.event, self._emit)
        if told.count:
            self._people.arm(q, self._writes)
        else:
            self._people.forget(name)
            self._meta.persons -= 1
        self._touch(name)

    def _touch(self, name: str) -> None:
        """What stands under a name is to be written, though no event was applied."""
        self._size += len(name) + TIMER_BYTES
        self._changed = True


def row_of(past: Past) -> Moving:
    """An event as a row of the history."""
    event = past.event
    kept = Kept(event.t, past.n, event.kind, event.name, event.properties, past.watermark, past.linked, source=source_kept(event))
    return Moving(kept, event.message_id)
