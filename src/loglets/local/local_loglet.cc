#include "loglets/local/local_loglet.h"

#include <algorithm>

#include "base/crc32c.h"

namespace vlog::loglets {

static_assert(WritersTable::kWindow == kMaxAppendWindow);

namespace {

Status GoneError() {
  return absl::FailedPreconditionError("this loglet is gone: sealed and dropped");
}

}  // namespace

LocalLoglet::LocalLoglet(env::Env& env, storage::Journal& journal, LogletId id, size_t most_writers)
    : env_(env),
      journal_(journal),
      id_(std::move(id)),
      most_writers_(most_writers),
      changed_(env.scheduler()) {
  if (storage::Stream* stream = journal_.streams().Find(StreamKey(id_))) stream_ = stream->id;
  writers_ = durable().writers();
  tail_ = Offset(durable().end());
}

const LocalState& LocalLoglet::durable() const {
  static const LocalState empty;
  storage::Stream* stream = journal_.streams().Find(stream_);
  return stream == nullptr ? empty : static_cast<const LocalState&>(*stream->state);
}

void LocalLoglet::Create() {
  if (stream_ != storage::StreamId(0)) return;
  auto created = [this, self = shared_from_this()](const Status& status) {
    if (!status.ok()) stream_ = storage::StreamId(0);  // the next call tries again
  };
  stream_ = journal_.CreateStream(kLocalStreamKind, StreamKey(id_), created);
}

void LocalLoglet::Append(Batch batch, AppendDone done) {
  StatusOr<Offset> at_once = Offset();
  Verdict verdict = writers_.Judge(batch.header);
  bool settled = true;
  if (gone_) {
    at_once = GoneError();
  } else if (sealing_ > 0 || durable().sealed()) {
    at_once = absl::FailedPreconditionError("sealed");
  } else if (batch.body.size() + kBatchHeaderBytes > journal_.MaxEntryBytes()) {
    // Before anything counts on its place: what follows must not leave a hole.
    at_once = absl::InvalidArgumentError(
        absl::StrCat("a batch of ", batch.body.size(),
                     " bytes does not fit a journal segment; open the directory "
                     "with a larger segment size"));
  } else if (verdict.judgement == Judgement::kTooOld) {
    at_once = absl::UnknownError("may be stored: its writer has sent too much since to tell");
  } else if (verdict.judgement == Judgement::kOutOfOrder) {
    at_once = absl::InvalidArgumentError("out of order: the writer's batch before it is missing");
  } else if (verdict.judgement == Judgement::kDuplicate && verdict.offset < TailHint()) {
    at_once = verdict.offset;
  } else if (verdict.judgement == Judgement::kDuplicate) {
    duplicates_.emplace(verdict.offset, std::move(done));
    return;
  } else if (batch.header.first_in_loglet && writers_.size() >= most_writers_) {
    // The table never forgets a writer. It is full: a sealed loglet gets a successor.
    at_once = absl::FailedPreconditionError("sealed: it knows as many writers as it can");
    AppendSeal(std::string(), Offset(), [](const Status&) {});
  } else {
    settled = false;
  }
  if (settled) {
    env_.scheduler().Post([done = std::move(done), at_once]() mutable { done(at_once); });
    return;
  }
  Create();
  Offset offset = tail_;
  writers_.Take(batch.header, offset);
  tail_ += batch.header.count;
  ++in_flight_;
  storage::Entry entry;
  entry.stream = stream_;
  entry.type = kBatchEntry;
  entry.first = offset.value();
  entry.count = batch.header.count;
  entry.meta = EncodeBatchHeader(batch.header);
  entry.payload = batch.body;
  entry.payload_crc = batch.body_crc;
  auto written = [this, self = shared_from_this(), offset,
                  done = std::move(done)](const Status& status) mutable {
    --in_flight_;
    StatusOr<Offset> result = offset;
    if (!status.ok()) result = status;
    Finish(offset, result, std::move(done));
  };
  journal_.Append(std::move(entry), storage::EntryClass::kData, std::move(written));
}

void LocalLoglet::Finish(Offset offset, StatusOr<Offset> result, AppendDone done) {
  std::vector<AppendDone> waiting;
  waiting.push_back(std::move(done));
  auto [begin, end] = duplicates_.equal_range(offset);
  for (auto it = begin; it != end; ++it) waiting.push_back(std::move(it->second));
  duplicates_.erase(begin, end);
  if (!result.ok()) {
    for (AppendDone& each : waiting) refused_.emplace_back(std::move(each), result.status());
    if (in_flight_ == 0) RollBack();
    return;
  }
  changed_.NotifyAll();
  for (AppendDone& each : waiting) each(result);
  // Batches behind this one may have been refused while it was on its way.
  if (in_flight_ == 0 && !refused_.empty()) RollBack();
}

void LocalLoglet::RollBack() {
  // The journal refused this batch and all behind it: what is durable is what is accepted.
  writers_ = durable().writers();
  tail_ = Offset(durable().end());
  for (auto& [done, status] : std::exchange(refused_, {})) done(status);
}

Task<StatusOr<Tail>> LocalLoglet::CheckTail() {
  if (gone_) co_return Tail{Offset(), true};
  VLOG_CO_RETURN_IF_ERROR(journal_.status());
  co_return Tail{TailHint(), durable().sealed()};
}

Task<StatusOr<Tail>> LocalLoglet::AwaitTail(Offset beyond, Instant deadline) {
  while (!gone_ && TailHint() <= beyond && !durable().sealed()) {
    VLOG_CO_RETURN_IF_ERROR(journal_.status());
    Status waited = co_await changed_.Wait(deadline);
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  co_return Tail{TailHint(), gone_ || durable().sealed()};
}

StatusOr<ReadResult> ToReadResult(StatusOr<storage::JournalRead> read) {
  VLOG_RETURN_IF_ERROR(read);
  ReadResult result;
  result.lost_end = Offset(read->lost_end);
  for (storage::Entry& entry : read->entries) {
    StatusOr<BatchHeader> header = DecodeBatchHeader(entry.meta);
    VLOG_RETURN_IF_ERROR(header);
    StoredBatch stored;
    stored.first = Offset(entry.first);
    stored.batch.header = *header;
    stored.batch.body = std::move(entry.payload);
    stored.batch.body_crc = entry.payload_crc;
    result.batches.push_back(std::move(stored));
  }
  return result;
}

Task<StatusOr<ReadResult>> LocalLoglet::Read(Offset from, Offset to, size_t max_bytes) {
  if (gone_ || from < TrimHint()) co_return absl::OutOfRangeError("trimmed");
  if (to > TailHint()) {
    // The chain knows of more than the journal does: damage has swallowed the rest.
    VLOG_CHECK(journal_.streams().lost_bound(), "a read ends at a committed tail");
    if (from >= TailHint()) {
      ReadResult lost;
      lost.lost_end = to;
      co_return std::move(lost);
    }
    to = TailHint();
  }
  VLOG_CHECK(from < to, "a read covers at least one record");
  StatusOr<storage::JournalRead> read =
      co_await journal_.Read(stream_, from.value(), to.value(), max_bytes);
  co_return ToReadResult(std::move(read));
}

Task<StatusOr<Offset>> LocalLoglet::Trim(Offset to) {
  if (gone_) co_return absl::OutOfRangeError("trimmed: this loglet is dropped");
  to = std::min(to, TailHint());
  if (to <= TrimHint()) co_return TrimHint();
  storage::Entry entry;
  entry.stream = stream_;
  entry.type = kTrimEntry;
  entry.first = to.value();
  Status written = co_await journal_.AppendControl(std::move(entry));
  VLOG_CO_RETURN_IF_ERROR(written);
  journal_.ReclaimSoon();
  co_return TrimHint();
}

Task<StatusOr<Sealed>> LocalLoglet::Seal(std::string proposal) {
  if (gone_) co_return GoneError();
  if (!durable().sealed()) {
    Status written = co_await WriteSeal(std::move(proposal), Offset());
    if (!written.ok() && !durable().sealed()) co_return written;
  }
  co_return Sealed{TailHint(), durable().proposal()};
}

Task<Status> LocalLoglet::WriteSeal(std::string proposal, Offset at_least) {
  auto start = [this, self = shared_from_this(), at_least,
                proposal = std::move(proposal)](async::Completer<Status> completer) mutable {
    AppendSeal(std::move(proposal), at_least, std::move(completer));
  };
  return async::Completer<Status>::Await(env_.scheduler(), std::move(start));
}

void LocalLoglet::AppendSeal(std::string proposal, Offset at_least, storage::AppendDone done) {
  // Nothing that comes later is taken; the tail is what lies before the seal in the journal.
  ++sealing_;
  Create();
  storage::Entry entry;
  entry.stream = stream_;
  entry.type = kSealEntry;
  entry.first = at_least.value();
  entry.payload = Bytes(std::move(proposal));
  entry.payload_crc = Crc32c(entry.payload.view());
  auto written = [this, self = shared_from_this(),
                  done = std::move(done)](const Status& status) mutable {
    --sealing_;
    if (durable().sealed()) writers_.Clear();
    changed_.NotifyAll();
    done(status);
  };
  journal_.Append(std::move(entry), storage::EntryClass::kControl, std::move(written));
}

}  // namespace vlog::loglets
