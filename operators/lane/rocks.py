"""`RocksStore`: a lane's state in RocksDB, each batch written and synced as a whole.

*Guarantees*: `write` returns when the batch is on the disk. A write-ahead log with a broken middle is refused at open (a torn tail, as a
crash leaves it, is cut). An iterator that stops early raises: rocksdict's dict-style iterators end without a word, so they are not used.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    BottommostLevelCompaction,
    Cache,
    Checkpoint,
    CompactOptions,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from operators.lane.opening import stored_meta
from operators.lane.store import Writes
from schemas.errors import UnavailableError

_CACHE_BYTES = 96 << 20
_BUFFER_BYTES = 16 << 20
"""So much of the log, at most, does a view read that is opened beside the running job: 4 ms a MB."""
_VIEW_FILES = 16
_BUFFERS_BYTES = 96 << 20
_caches: dict[str, Any] = {}


def _shared(options: Options, blocks: BlockBasedOptions) -> None:
    """One block cache and one budget of write buffers for all lanes of the process, so that memory does not grow with their number."""
    if not _caches:
        _caches["blocks"] = Cache.new_hyper_clock_cache(_CACHE_BYTES, 0)
        _caches["buffers"] = WriteBufferManager.new_write_buffer_manager_with_cache(_BUFFERS_BYTES, False, _caches["blocks"])
    blocks.set_block_cache(_caches["blocks"])
    options.set_write_buffer_manager(_caches["buffers"])


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_write_buffer_size(_BUFFER_BYTES)
    options.set_max_write_buffer_number(3)
    options.set_memtable_prefix_bloom_ratio(0.05)
    options.set_memtable_whole_key_filtering(True)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_level_compaction_dynamic_level_bytes(True)
    options.set_max_background_jobs(2)
    options.set_max_open_files(512)
    options.set_keep_log_file_num(2)
    options.set_max_total_wal_size(128 << 20)
    # The manifest names the first and last key of each table, also of those that are gone: a new one is begun with each change of tables.
    options.set_max_manifest_file_size(1)
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(10, False)
    blocks.set_block_size(8 << 10)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    _shared(options, blocks)
    options.set_block_based_table_factory(blocks)
    return options


class RocksStore:
    """A store in a folder; see `operators.lane.store.Store`. A live view (`writable=False`) knows what was written when it was opened.

    One that is not `durable` writes no log: what a crash leaves of it is its last `checkpoint`.
    """

    def __init__(
        self, path: Path, db: Rdict, writable: bool, scratch: TemporaryDirectory[str] | None = None, *, durable: bool = True
    ) -> None:
        self._path = path
        self._db = db
        self._writable = writable
        self._scratch = scratch
        self._options = WriteOptions()
        self._options.sync = durable
        self._options.disable_wal = not durable  # type: ignore[method-assign,assignment]  # an attribute, whatever the stub says
        self._get = db.get
        self._failed = False

    def get(self, key: bytes) -> bytes | None:
        try:
            return self._get(key)
        except Exception as error:  # rocksdict raises a bare Exception for every status of RocksDB
            raise self._damaged(error) from error

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        iterator = self._iterator(start, end)
        pairs: list[tuple[bytes, bytes]] = []
        valid, key, value, go_on = iterator.valid, iterator.key, iterator.value, iterator.next
        try:
            while len(pairs) < limit and valid():
                pairs.append((key(), value()))
                go_on()
            iterator.status()
        except Exception as error:  # as in `get`
            raise self._damaged(error) from error
        return pairs

    def values(self, start: bytes, end: bytes) -> list[bytes]:
        iterator = self._iterator(start, end)
        values: list[bytes] = []
        valid, value, go_on, add = iterator.valid, iterator.value, iterator.next, values.append
        try:
            while valid():
                add(value())
                go_on()
            iterator.status()
        except Exception as error:  # as in `get`
            raise self._damaged(error) from error
        return values

    def _iterator(self, start: bytes, end: bytes) -> Any:
        how = ReadOptions()
        how.set_iterate_upper_bound(end)
        # What is read in passing must not push out of the cache what is asked for again and again.
        how.fill_cache(False)  # type: ignore[call-arg]
        iterator = self._db.iter(how)
        iterator.seek(start)
        return iterator

    def writes(self) -> Writes:
        return WriteBatch(raw_mode=True)

    def write(self, writes: Writes) -> None:
        assert isinstance(writes, WriteBatch)
        try:
            self._db.write(writes, self._options)
        except Exception as error:  # as in `get`
            self._failed = True
            raise self._unwritable(error) from error

    def checkpoint(self, folder: Path) -> None:
        """Makes a copy of the store as it stands, in a new folder; the tables of both are the same files. UnavailableError where the disk
        refuses."""
        try:
            Checkpoint(self._db).create_checkpoint(str(folder))
        except Exception as error:  # as in `get`
            raise UnavailableError(f"the state in {self._path} cannot be copied to {folder}: {_status(error)}") from error

    def compact(self) -> None:
        """The write-ahead log goes with the flush. The ranges are whole: RocksDB's own log tells their ends."""
        how = CompactOptions()
        # Else a table that nothing overlaps is moved as it is, with what was taken away in it.
        how.set_bottommost_level_compaction(BottommostLevelCompaction.force_optimized())
        last = WriteBatch(raw_mode=True)
        last.delete(b"")
        try:
            self._db.flush(True)
            self._db.compact_range(None, None, how)
            # A manifest begins with the tables before its first change: only the next one tells of none that are gone.
            self._db.write(last, self._options)
            self._db.flush(True)
        except Exception as error:  # as in `get`
            self._failed = True
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"the state in {self._path} cannot be written ({_status(error)}); mend the disk and start again: nothing is lost"
        )

    def _damaged(self, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"the state in {self._path} is damaged ({_status(error)}); restore it from a backup, or start with a new --state "
            f"and read the input again"
        )

    def size(self) -> int:
        live = self._db.property_int_value("rocksdb.live-sst-files-size") or 0
        return int(live) + int(self._db.property_int_value("rocksdb.cur-size-all-mem-tables") or 0)

    def close(self) -> None:
        if self._writable:
            try:
                self._db.close()
            except Exception as error:  # as in `get`
                # After a write that failed RocksDB says the same again; what was acknowledged is on the disk all the same.
                if not self._failed:
                    raise UnavailableError(f"the state in {self._path} cannot be closed: {_status(error)}") from error
        else:
            del self._db, self._get
        if self._scratch is not None:
            self._scratch.cleanup()


def _status(error: Exception) -> str:
    return str(error).strip().rstrip(".").replace("\n", " ")


def open_store(path: Path, *, durable: bool = True) -> RocksStore:
    """The store in the folder, made where there is none. UnavailableError where it is in use, broken, or cannot be reached."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return RocksStore(path, Rdict(str(path), _options()), True, durable=durable)
    except OSError as error:
        raise UnavailableError(f"the state folder {path} cannot be made or opened: {error.strerror}") from error
    except Exception as error:  # rocksdict raises a bare Exception for every status of RocksDB
        status = _status(error)
        if "lock" in status.lower():
            raise UnavailableError(
                f"the state in {path} is in use by another process; stop that one, or give this one another --state"
            ) from error
        if "Corruption" in status:
            raise UnavailableError(
                f"the state in {path} is damaged ({status}); restore it from a backup, or start with a new --state and read the input again"
            ) from error
        raise UnavailableError(f"the state in {path} cannot be opened: {status}") from error


def open_live(path: Path) -> RocksStore:
    """A view of a state that another process may be writing; it sees what was written until now. UnavailableError where there is no
    state."""
    if not (path / "CURRENT").exists():
        raise UnavailableError(f"there is no state in {path}; give the --state of the job")
    scratch: TemporaryDirectory[str] = TemporaryDirectory(prefix="beckon-view-")
    try:
        options = Options(raw_mode=True)
        # Else all tables are opened at once, and few are asked.
        options.set_max_open_files(_VIEW_FILES)
        db = Rdict(str(path), options, access_type=AccessType.secondary(scratch.name))
        db.try_catch_up_with_primary()
    except Exception as error:  # rocksdict raises a bare Exception for every status of RocksDB
        scratch.cleanup()
        raise UnavailableError(f"the state in {path} cannot be read: {_status(error)}") from error
    return RocksStore(path, db, False, scratch)


def read_position(path: Path) -> tuple[int, str]:
    """The applied offset of a lane's state and the hint for its source, without taking its lock; `(-1, "")` where there is no state."""
    if not (path / "CURRENT").exists():
        return -1, ""
    store = open_live(path)
    try:
        meta = stored_meta(store)
    finally:
        store.close()
    return (-1, "") if meta is None else (meta.offset, meta.hint)
