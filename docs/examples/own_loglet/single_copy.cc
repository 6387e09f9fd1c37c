#include "single_copy.h"

#include <algorithm>

#include "base/crc32c.h"

namespace single {
namespace {

using vlog::Offset;
using vlog::Status;
using vlog::StatusOr;
using vlog::loglets::Judgement;

// Set by the build option of that name, to see the contract suite catch it.
#ifdef PLANTED_SEAL_BUG
constexpr bool kPlantedSealBug = true;
#else
constexpr bool kPlantedSealBug = false;
#endif

// The table never forgets a writer, so it is bounded: a loglet that is full seals itself, and its
// successor begins with an empty table.
constexpr size_t kMostWriters = 100'000;
// Of one answer to a read; their headers share one frame header, which is bounded (rpc/limits.h).
constexpr size_t kMostBatches = 1000;
constexpr size_t kMostReadBytes = 1 << 20;

}  // namespace

Copy::Copy(vlog::loglets::HostContext context, vlog::LogletId id)
    : context_(context), id_(std::move(id)), changed_(context.env.scheduler()) {
  const vlog::storage::Stream* stream = context_.journal.streams().Find(StreamKey(id_));
  if (stream != nullptr) stream_ = stream->id;
  writers_ = durable().writers();
  tail_ = Offset(durable().end());
}

const State& Copy::durable() const {
  static const State empty;
  const vlog::storage::Stream* stream = context_.journal.streams().Find(stream_);
  return stream == nullptr ? empty : static_cast<const State&>(*stream->state);
}

Answer Copy::Standing() const {
  Answer answer;
  answer.trim = Offset(durable().trim());
  answer.tail = Offset(durable().end());
  answer.sealed = gone_ || closed_to_appends();
  answer.proposal = durable().proposal();
  return answer;
}

void Copy::Create() {
  if (!IsNothing()) return;
  auto created = [this, self = shared_from_this()](const Status& status) {
    if (!status.ok()) stream_ = vlog::storage::StreamId(0);  // the next call tries again
  };
  stream_ = context_.journal.CreateStream(kStreamKind, StreamKey(id_), created);
}

void Copy::MarkGone() {
  gone_ = true;
  changed_.NotifyAll();
}

void Copy::EndWaits() {
  stopping_ = true;
  changed_.NotifyAll();
}

// ---- Appends ----

void Copy::Append(vlog::Batch batch, vlog::rpc::Responder respond) {
  if (gone_ || closed_to_appends()) {
    // Not even a duplicate is acknowledged: whoever sealed has already been told where it ends.
    return respond(absl::FailedPreconditionError("sealed; this call stored nothing"));
  }
  if (!refused_.empty()) return respond(absl::UnavailableError("the journal refuses batches"));
  if (batch.body.size() + vlog::kBatchHeaderBytes > context_.journal.MaxEntryBytes()) {
    return respond(absl::InvalidArgumentError("the batch does not fit a journal segment"));
  }
  vlog::loglets::Verdict verdict = writers_.Judge(batch.header);
  switch (verdict.judgement) {
    case Judgement::kTooOld:
      // On the wire kUnknown says that the home has not spoken; this is its word.
      return respond(
          absl::AlreadyExistsError("may be; its writer has sent too much since to tell"));
    case Judgement::kOutOfOrder:
      return respond(absl::InvalidArgumentError("the writer's batch before it is missing"));
    case Judgement::kDuplicate: {
      if (verdict.offset >= Offset(durable().end())) {
        duplicates_.emplace(verdict.offset, std::move(respond));
        return;
      }
      Answer answer = Standing();
      answer.offset = verdict.offset;
      return respond(Encode(answer));
    }
    case Judgement::kNext:
      break;
  }
  if (batch.header.first_in_loglet && writers_.size() >= kMostWriters) {
    StartSeal(std::string(), Offset(), [](const Status&) {});
    return respond(absl::FailedPreconditionError("sealed: it knows as many writers as it can"));
  }
  Create();
  Offset offset = tail_;
  writers_.Take(batch.header, offset);
  tail_ += batch.header.count;
  ++in_flight_;
  vlog::storage::Entry entry;
  entry.stream = stream_;
  entry.type = kBatchEntry;
  entry.first = offset.value();
  entry.count = batch.header.count;
  entry.meta = vlog::EncodeBatchHeader(batch.header);
  entry.payload = std::move(batch.body);
  entry.payload_crc = batch.body_crc;
  auto written = [this, self = shared_from_this(), offset,
                  respond = std::move(respond)](Status status) mutable {
    Written(offset, std::move(status), std::move(respond));
  };
  context_.journal.Append(std::move(entry), vlog::storage::EntryClass::kData, std::move(written));
}

// The journal tells in the order of the calls, after it fed the entry to State.
void Copy::Written(Offset offset, Status status, vlog::rpc::Responder respond) {
  --in_flight_;
  std::vector<vlog::rpc::Responder> waiting;
  waiting.push_back(std::move(respond));
  auto [begin, end] = duplicates_.equal_range(offset);
  for (auto it = begin; it != end; ++it) waiting.push_back(std::move(it->second));
  duplicates_.erase(begin, end);
  for (vlog::rpc::Responder& each : waiting) {
    if (status.ok()) {
      Answer answer = Standing();
      answer.offset = offset;
      each(Encode(answer));
    } else {
      refused_.emplace_back(std::move(each), status);
    }
  }
  if (status.ok()) changed_.NotifyAll();
  if (in_flight_ == 0 && !refused_.empty()) RollBack();
}

void Copy::RollBack() {
  // The journal refused a batch and all behind it: what is durable is what is accepted.
  writers_ = durable().writers();
  tail_ = Offset(durable().end());
  for (auto& [respond, status] : std::exchange(refused_, {})) respond(status);
}

// ---- Seals ----

// The seal takes its place in the journal behind all that was accepted, and nothing is accepted
// behind it. So when it is durable, all that was or ever will be acknowledged lies before it.
void Copy::StartSeal(std::string proposal, Offset at_least, vlog::storage::AppendDone done) {
  ++sealing_;
  Create();
  vlog::storage::Entry entry;
  entry.stream = stream_;
  entry.type = kSealEntry;
  entry.first = at_least.value();
  entry.payload = vlog::Bytes(std::move(proposal));
  entry.payload_crc = vlog::Crc32c(entry.payload.view());
  auto written = [this, self = shared_from_this(), done = std::move(done)](Status status) mutable {
    --sealing_;
    changed_.NotifyAll();
    done(std::move(status));
  };
  // A control entry is taken even when the disk is full.
  context_.journal.Append(std::move(entry), vlog::storage::EntryClass::kControl,
                          std::move(written));
}

vlog::Task<StatusOr<Answer>> Copy::Seal(Question question) {
  if (gone_) co_return absl::FailedPreconditionError("this loglet is gone");
  Answer at_arrival = Standing();
  if (!durable().sealed()) {
    // A named lambda: g++ 12 destroys a temporary one beside co_await twice.
    auto start = [this, proposal = std::move(question.text)](
                     vlog::async::Completer<Status> completer) mutable {
      StartSeal(std::move(proposal), Offset(), std::move(completer));
    };
    Status written =
        co_await vlog::async::Completer<Status>::Await(context_.env.scheduler(), std::move(start));
    if (!written.ok() && !durable().sealed()) co_return written;
  }
  Answer answer = Standing();
  // The bug: the tail of the moment when the seal came, although batches were on their way to the
  // disk, and are acknowledged later.
  if (kPlantedSealBug) answer.tail = at_arrival.tail;
  co_return std::move(answer);
}

void Copy::SealIfLost() {
  std::optional<uint64_t> lost = context_.journal.streams().lost_bound();
  if (lost && IsNothing()) StartSeal(std::string(), Offset(*lost), [](const Status&) {});
}

// ---- Tails, reads, trims ----

vlog::Task<StatusOr<Answer>> Copy::AwaitTail(Question question) {
  vlog::Instant until = context_.env.scheduler().Now() + question.wait;
  while (!stopping_ && !Standing().sealed && Standing().tail <= question.from) {
    Status waited = co_await changed_.Wait(until);
    if (absl::IsDeadlineExceeded(waited)) break;
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  co_return Standing();
}

vlog::Task<StatusOr<Answer>> Copy::Read(Question question) {
  Answer standing = Standing();
  if (gone_ || question.from < standing.trim) co_return absl::OutOfRangeError("trimmed");
  Offset to = std::min(question.to, standing.tail);
  if (question.from >= to) co_return absl::UnavailableError("these positions are not durable here");
  size_t max_bytes = std::min<uint64_t>(question.max_bytes, kMostReadBytes);
  StatusOr<vlog::storage::JournalRead> read =
      co_await context_.journal.Read(stream_, question.from.value(), to.value(), max_bytes);
  VLOG_CO_RETURN_IF_ERROR(read);
  Answer answer = Standing();
  answer.lost_end = Offset(read->lost_end);
  for (vlog::storage::Entry& entry : read->entries) {
    if (answer.batches.size() == kMostBatches) break;
    StatusOr<vlog::BatchHeader> header = vlog::DecodeBatchHeader(entry.meta);
    VLOG_CO_RETURN_IF_ERROR(header);
    vlog::loglets::StoredBatch stored;
    stored.first = Offset(entry.first);
    stored.batch.header = *header;
    stored.batch.body = std::move(entry.payload);
    stored.batch.body_crc = entry.payload_crc;
    answer.batches.push_back(std::move(stored));
  }
  co_return std::move(answer);
}

vlog::Task<StatusOr<Answer>> Copy::Trim(Question question) {
  // Never past what is committed; exact to the record; works on a sealed loglet.
  if (gone_) co_return absl::OutOfRangeError("trimmed: it was dropped");
  Offset to = std::min(question.to, Offset(durable().end()));
  if (to > Offset(durable().trim())) {
    vlog::storage::Entry entry;
    entry.stream = stream_;
    entry.type = kTrimEntry;
    entry.first = to.value();
    Status written = co_await context_.journal.AppendControl(std::move(entry));
    VLOG_CO_RETURN_IF_ERROR(written);
    context_.journal.ReclaimSoon();
  }
  co_return Standing();
}

}  // namespace single
