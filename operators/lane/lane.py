"""`Lane`: drives the stages over the records of one partition, and makes each micro-batch durable as one write.

*Guarantees*: a batch is applied as a whole or not at all; a record that was applied is skipped when it comes again (by its offset); what
was put out is published from the outbox and never computed a second time. The order of the outputs hangs on the order of the records alone,
not on the batches.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from operators.change import Difference
from operators.clean.clean import Clean
from operators.consent import ACTS
from operators.decode import decode
from operators.duplicates.decisions import REFUSED
from operators.duplicates.watch import watch_of
from operators.emit import Emit
from operators.lane.erasure import Erasure
from operators.lane.fill import Fill
from operators.lane.history import History
from operators.lane.keys import META, outbox_key
from operators.lane.moves import NOTHING, Moves
from operators.lane.opening import publish_missing, read_meta
from operators.lane.people import People
from operators.lane.ports import Batch, Publisher, Row
from operators.lane.stats import Stats
from operators.lane.store import Store
from operators.lane.suppression import Suppression
from operators.lane.timers import Timers
from operators.person import PersonStage
from operators.plan.checked import Plan
from operators.tracking.keep import Tracking
from schemas.counts import Counts
from schemas.errors import UnavailableError
from schemas.event import Event
from schemas.output import Reject
from schemas.person import USER_ID, Person

MOST_BYTES = 4 << 20
"""A write holds the GIL (2.5 ms a MB), so a batch is written when it has gathered this much."""
TIMER_BYTES = 200
"""What an entry of the timer index that is taken out adds to a batch, about, its person's state included."""
MOST_PERSONS = 12_000
"""Persons kept decoded between batches; as many again that were not met lately."""

MOST_COMMITS = 200
"""After so many of them files are rid of what was erased, also where more is waiting to be read."""

_LOOKED_AT = frozenset({"identify", "alias"})
"""Events of these kinds may say who somebody is."""
_ABOUT_PERSONS = frozenset({"unmerge", "erase"})
"""Events of these kinds are no person's."""

_encode = msgspec.msgpack.Encoder().encode


def _nothing(step: str) -> None:
    """Stands where a failpoint can."""


def _no_clock() -> float:
    return 0.0


class Lane:
    """One partition's engine. Opening it does, in this order: check the state, fence older publishers, publish what is missing."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        publisher: Publisher,
        partition: int = 0,
        *,
        until_ms: int | None = None,
        reached: Callable[[str], None] = _nothing,
        clock: Callable[[], float] = _no_clock,
        stage: PersonStage | None = None,
        key: bytes = b"",
    ) -> None:
        """`stage` is the plan compiled, for a caller that opens many lanes of one plan; `key` that of the suppression list."""
        self._plan, self._store, self._publisher = plan, store, publisher
        self._until, self._reached, self._clock = until_ms, reached, clock
        self._meta = read_meta(plan, store, partition, until_ms)
        self._stage = stage if stage is not None else PersonStage(plan)
        suppression = Suppression(store, key, partition)
        self._stage.decide.erased_at = suppression.erased_at
        self._rows = publish_missing(self._meta, store, publisher)
        self._clean = Clean(plan.clean) if plan.clean is not None else None
        self._timers = Timers(store)
        self._people = People(store, self._meta, self._timers, self._adopt)
        self._history = History(plan, store)
        self._emit = Emit(plan.name, self._meta.sequence + 1, once=plan.duplicates_ms is not None)
        self._moves = Moves(plan.identity, self._stage, self._people, self._history, self._meta, self._emit) if plan.identity else None
        self._stats = Stats(plan, store, self._stage.rules)
        self._tracking = Tracking(plan.tracking) if plan.tracking is not None else None
        self._watch = watch_of(plan, store, self._people.row)
        self._erasure = Erasure(
            self._stage, store, self._meta, self._people, self._history, self._timers, self._watch, suppression, self._emit
        )
        self._owed_since = self._meta.commit_no
        self._fill = Fill(plan, store, self._stage, self._meta, self._stats.see)
        self._begin()
        self._changed = self._fill.open(self._writes)
        if self._erasure.owed:
            self._rid()

    @property
    def offset(self) -> int:
        """The highest input offset applied, -1 before the first."""
        return self._meta.offset

    @property
    def hint(self) -> str:
        """Where the source finds what follows `offset`."""
        return self._meta.hint

    def apply(self, batch: Batch) -> Counts:
        """Applies a batch and makes it durable. Gives what was done. UnavailableError where records are missing before it, or the disk
        refuses."""
        started = self._clock()
        self._reached("after_poll")
        meta = self._meta
        if meta.offset >= 0 and batch.start > meta.offset + 1:
            raise UnavailableError(
                f"partition {meta.partition}: the state has applied offset {meta.offset}, but reading began at {batch.start}: the state is "
                f"older than what was published from it; restore the newest state, or start with a new --state and read the input again"
            )
        before = meta.offset
        total = self._emit.counts = Counts(partition=meta.partition, records=len(batch.records), lag=batch.lag)
        if meta.watermark is not None:
            # What was due when the lane was last stopped between two commits of one pass.
            self._fire(meta.watermark)
        self._records(batch, total)
        if batch.idle and batch.wall_ms is not None:
            self._pass(batch.wall_ms - self._plan.lateness_ms)
        if meta.fill is not None and batch.wall_ms is None:
            # A live input has `fill` called between its batches, so that no record waits for this.
            self._sweep()
        if batch.end:
            while meta.fill is not None:
                self._commit()
                self._sweep()
            self._end()
        if batch.records:
            meta.hint = batch.hint
        if self._changed or meta.offset != before:
            self._commit()
        if self._erasure.owed and self._is_time(batch):
            self._rid()
        total.ended = batch.end
        return self._done(total, started)

    def _records(self, batch: Batch, total: Counts) -> None:
        """Applies the records of a batch that were not applied before."""
        middle = batch.records[len(batch.records) // 2][0] if batch.records else None
        meta, wall_ms, until, tracking, clean = self._meta, batch.wall_ms, self._until, self._tracking, self._clean
        for offset, log_ms, raw in batch.records:
            if offset <= meta.offset:
                total.replayed += 1
                continue
            event = decode(raw, log_ms, wall_ms)
            # From here to the end of the record nothing is committed but what includes it.
            meta.offset = offset
            if tracking is not None and type(event) is Event and (until is None or event.t <= until):
                event = tracking.keep(event, raw, self._emit)
            if type(event) is Event and (until is None or event.t <= until):
                if clean is not None and (found := clean.clean(event)):
                    clean.count(found, event, self._emit)
                refused = self._event(event, total)
                if refused is not None:
                    self._aside(refused, raw, offset, log_ms)
            else:
                self._aside(event, raw, offset, log_ms)
            if offset == middle:
                self._reached("mid_batch")
            if self._size > MOST_BYTES:
                self._commit()

    @property
    def change(self) -> Difference | None:
        """What the plan changes of the state that the lane was opened with; None where that was made with this very plan."""
        return self._fill.change

    @property
    def filling(self) -> bool:
        """True while persons are brought to a changed plan."""
        return self._meta.fill is not None

    @property
    def unfilled(self) -> int:
        """How many persons are still to be brought to a changed plan; at least one while it is not known that none is."""
        return max(self._meta.fill_total - self._meta.filled, 1) if self.filling else 0

    def fill(self) -> Counts:
        """One step of bringing persons to a changed plan, and makes it durable. Gives what was done."""
        started = self._clock()
        total = self._emit.counts = Counts(partition=self._meta.partition)
        self._sweep()
        self._commit()
        return self._done(total, started)

    def close(self) -> None:
        """Waits until what was committed is published, and lets go of publisher and store."""
        try:
            self._publisher.wait()
        finally:
            self._publisher.close()
            self._store.close()

    def state_bytes(self) -> int:
        """The size of the state on disk, about."""
        return self._store.size()

    def _aside(self, event: Event | Reject, raw: bytes, offset: int, log_ms: int | None) -> None:
        """A record that is not applied: a reject, or an event after `until`."""
        meta = self._meta
        if type(event) is Reject:
            self._emit.reject(event, raw, meta.partition, offset, log_ms)
            self._size += len(raw)
            return
        meta.skipped += 1
        meta.until = self._until
        self._emit.counts.after_until += 1

    def _event(self, event: Event, counts: Counts) -> Reject | None:
        """Applies an event; gives why it cannot be used, None where it can."""
        if event.kind in _ABOUT_PERSONS:
            return self._act(event, counts)
        meta, t, user, anonymous = self._meta, event.t, event.user_id, event.anonymous_id
        name = user or anonymous or ""
        p: Person | None = self._people.hot.get(name) or self._people.row(name)
        # A first event has nothing before it: it is not late, and no boundary is due.
        watermark = meta.watermark if meta.watermark is not None else t - self._plan.lateness_ms
        brought = NOTHING
        if self._moves is None:
            if p is None:
                p = self._people.born(name)
                counts.persons += 1
        elif p is None or p.ties is not None or event.kind in _LOOKED_AT or (user and (anonymous or p.rank != USER_ID)):
            # All other events, nearly all, carry what their person is named by, and nothing else.
            found = self._moves.settle(p, event, watermark)
            if isinstance(found, Reject):
                return found
            if found is None:
                counts.duplicates += 1
                return None
            p, brought = found
        n = p.count + len(brought.past) + 1
        if brought.of is None or self._moves is None:
            size = self._history.add(p.id, event, n, watermark)
        else:
            size = self._moves.merges.add(p, event, n, watermark, brought)
        if size < 0:
            counts.duplicates += 1
            return None
        self._size += size + brought.size
        self._stage.apply(p, event, watermark, self._emit, brought.past, brought.touched)
        self._applied(p, event, watermark, counts, linked=brought is not NOTHING)
        if self._watch is not None and (event.kind in _LOOKED_AT or event.name == REFUSED):
            aliases = self._watch.see(p, event, meta.persons)
            self._size += self._watch.size
            for alias in aliases:
                self._event(alias, counts)
        return None

    def _applied(self, p: Person, event: Event, watermark: int, counts: Counts, *, linked: bool) -> None:
        """What follows when an event was applied to a person: its profile, counts, timers, and the time of the lane. `linked` says that
        more may be known now of who it is."""
        meta, t = self._meta, event.t
        if self._plan.profiles and (linked or self._emit.moved or event.kind == "identify" or event.name in ACTS or p.count == 1):
            self._stage.tell(p, self._emit, [event.message_id, t])
        if t < watermark:
            counts.late += 1
        if event.clamped:
            counts.clamped += 1
        if event.name is not None and (event.name in self._stats.awaited or self._stats.stars):
            self._stats.see(event.name, event.properties)
        counts.events += 1
        self._people.arm(p, self._writes)
        self._people.touched[p.id] = p
        if meta.oldest is None or t < meta.oldest:
            meta.oldest = t
        if meta.latest is None or t > meta.latest:
            meta.latest = t
        if meta.watermark is None or t - self._plan.lateness_ms > watermark:
            self._pass(t - self._plan.lateness_ms)
        elif p.armed is not None and p.armed < watermark:
            self._fire(watermark)

    def _unmerge(self, event: Event, counts: Counts) -> None:
        """Takes a merge back: time passes for those who were merged, and not for the lane."""
        assert self._moves is not None
        found = self._moves.merges.undo(event)
        counts.events += found is not None
        counts.duplicates += found is None
        counts.clamped += found is not None and event.clamped
        self._changed = self._changed or found is not None
        for p in found or ():
            self._people.arm(p, self._writes)
            self._people.touched[p.id] = p
            self._size += TIMER_BYTES

    def _act(self, event: Event, counts: Counts) -> Reject | None:
        """Takes a merge back, or forgets a person, by which no time passes; gives why that cannot be."""
        if event.kind == "erase":
            self._counted(self._erasure.erase(event), counts)
            counts.events += 1
            counts.clamped += event.clamped
        elif self._moves is None:
            return Reject("unknown_type", "the plan says `identity: off`, so nobody is merged")
        else:
            self._unmerge(event, counts)
        return None

    def _counted(self, erased: int, counts: Counts) -> None:
        counts.erased += erased
        self._changed = True
        self._size += TIMER_BYTES * erased

    def _is_time(self, batch: Batch) -> bool:
        """Whether files are to be rid of what was erased: that takes as long as to rewrite them, so it waits until nothing else does."""
        if batch.wall_ms is None:
            return batch.end
        return not batch.lag or self._meta.commit_no - self._owed_since >= MOST_COMMITS

    def _rid(self) -> None:
        """Rids all files of the store of what was erased; what was put out of it must be published for that."""
        self._publisher.wait()
        self._erasure.clear(self._writes)
        self._commit()
        self._reached("cleared")
        self._store.compact()
        self._reached("compacted")
        self._erasure.cleared(self._writes)
        self._commit()

    def _pass(self, watermark: int) -> None:
        """Moves the watermark on, and evaluates the boundaries that it passes; it never moves back."""
        meta = self._meta
        if meta.watermark is None or watermark > meta.watermark:
            meta.watermark = watermark
            self._fire(watermark)

    def _fire(self, watermark: int) -> None:
        """Evaluates the boundaries before the watermark, of each person that has one; a late event brings some that are due at once."""
        timers = self._timers
        while (due := timers.next) is not None and due < watermark:
            _, id = timers.pop(self._writes)
            self._changed = True
            self._size += TIMER_BYTES
            p = self._people.row(id)
            # An entry that is not the person's present one is stale: it is dropped, and no more.
            if p is not None and p.armed == due:
                p.armed = None
                self._stage.advance(p, watermark, self._emit)
                self._people.arm(p, self._writes)
                self._people.touched[id] = p
            if len(self._people.touched) >= MOST_PERSONS or len(self._emit.outputs) >= MOST_PERSONS or self._size > MOST_BYTES:
                self._commit()

    def _end(self) -> None:
        """The end of a bounded input: its boundaries up to and including the largest event time, or `until`."""
        if self._meta.watermark is None or self._meta.latest is None:
            return
        end = self._meta.latest if self._until is None else self._until
        self._pass(end + 1)

    def _adopt(self, p: Person) -> int:
        """Brings a person to the changed plan; gives how many events were read for it."""
        events = self._fill.adopt(p, self._meta.watermark, self._emit)
        self._people.arm(p, self._writes)
        self._people.touched[p.id] = p
        self._changed = True
        self._size += TIMER_BYTES + 10 * len(p.slots)
        self._emit.counts.filled += 1
        return events

    def _sweep(self) -> None:
        """One step of bringing the persons in the store to the changed plan."""
        self._changed = True
        self._fill.sweep(self._people.is_known, self._adopt, lambda: self._writes)

    def _done(self, total: Counts, started: float) -> Counts:
        """The counts, with the lane's standing."""
        meta = self._meta
        total.watermark_ms, total.offset = meta.watermark, meta.offset
        total.to_fill, total.fill_total = self.unfilled, meta.fill_total
        total.batch_s = self._clock() - started
        return total

    def _begin(self) -> None:
        """Starts a new batch of writes."""
        self._writes = self._store.writes()
        self._emit.outputs = []
        self._size = 0
        self._changed = False

    def _commit(self) -> None:
        """Makes durable what was gathered, and hands the output to the publisher."""
        started = self._clock()
        writes, meta, put = self._writes, self._meta, self._writes.put
        self._stats.flush(self._emit.tallies, writes)
        self._people.flush(writes)
        self._history.flush(meta, writes)
        if self._watch is not None:
            self._watch.flush(writes)
        if not self._erasure.owed:
            self._owed_since = meta.commit_no
        self._erasure.flush(writes)
        outputs = self._emit.outputs
        row = Row(meta.sequence + 1, outputs) if outputs else None
        if row is not None:
            put(outbox_key(row.first), _encode(row))
            meta.sequence = row.last
            self._rows.append((row.first, row.last))
        published = self._publisher.published
        while self._rows and self._rows[0][1] <= published:
            writes.delete(outbox_key(self._rows.popleft()[0]))
        meta.commit_no += 1
        put(META, _encode(meta))
        self._reached("before_write")
        self._store.write(writes)
        self._reached("after_write")
        self._timers.written()
        self._publisher.put(row, meta.offset)
        self._people.written(MOST_PERSONS)
        self._begin()
        self._emit.counts.commit_s += self._clock() - started
