// The journal of a replica read back: for its core, and for readers.
#include <algorithm>
#include <optional>
#include <utility>

#include "loglets/replicated/replica.h"

namespace vlog::loglets::replicated {
namespace {

// The batches of what was read, from the one that covers `from` on, as long as they follow each
// other.
std::vector<StoredBatch> ToBatches(const ReplicaCore& core,
                                   const std::vector<storage::Entry>& entries, Offset from) {
  std::vector<StoredBatch> batches;
  Offset expected;
  for (const storage::Entry& entry : entries) {
    std::optional<std::pair<Offset, Batch>> batch = core.ToBatch(entry);
    if (!batch || batches.size() == kMaxReadBatches) break;
    Offset first = batch->first;
    Offset end = first + batch->second.header.count;
    bool follows = batches.empty() ? first <= from && from < end : first == expected;
    if (!follows) break;
    batches.push_back({first, std::move(batch->second)});
    expected = end;
  }
  return batches;
}

}  // namespace

uint64_t HostedReplica::StreamEnd() const {
  storage::Stream* stream = context_->journal.streams().Find(stream_);
  return stream == nullptr ? 0 : stream->state->end();
}

Task<void> HostedReplica::RunLoad(std::shared_ptr<HostedReplica> self, ReplicaCore::Load load) {
  StatusOr<std::vector<storage::Entry>> loaded = absl::UnavailableError("not there yet");
  uint64_t to = std::min(load.to, self->StreamEnd());
  if (load.from < to) {
    StatusOr<storage::JournalRead> read =
        co_await self->context_->journal.Read(self->stream_, load.from, to, load.max_bytes);
    if (!read.ok()) {
      loaded = read.status();
    } else if (read->entries.empty()) {
      loaded = absl::DataLossError("these entries cannot be read");
    } else {
      loaded = std::move(read->entries);
    }
  }
  if (self->ended()) co_return;
  self->core_->Loaded(load.id, std::move(loaded), self->Clock());
  self->SettleSoon();
}

// What can be said now: the answer, complete unless it says kOk; then `place` is to be read.
ReplicaReply HostedReplica::PlanRead(const ReplicaRequest& request,
                                     ReplicaCore::Place* place) const {
  ReplicaReply reply;
  reply.word = Now();
  Offset to = std::min(request.to, core_->applied_end());
  if (ended()) {
    reply.word.code = EndCode();
  } else if (request.from < core_->trim_point()) {
    reply.word.code = Code::kTrimmed;
  } else if (request.from >= to) {
    reply.word.code = Code::kBehind;
  } else {
    *place = core_->FindRecords(request.from, to);
    reply.next = place->next;
    if (place->from >= place->to) {
      reply.word.code = Code::kLacks;
    } else if (place->from >= StreamEnd()) {
      reply.word.code = Code::kBehind;  // decided by others, on its way to the disk here
    }
  }
  return reply;
}

void HostedReplica::Read(const ReplicaRequest& request, rpc::Responder respond) {
  ReplicaCore::Place place;
  ReplicaReply reply = PlanRead(request, &place);
  if (reply.word.code != Code::kOk) return respond(Encode(reply));
  context_->tasks.Spawn(AnswerRead(shared_from_this(), request, std::move(respond)));
}

Task<void> HostedReplica::AnswerRead(std::shared_ptr<HostedReplica> self, ReplicaRequest request,
                                     rpc::Responder respond) {
  // It may have been trimmed or dropped since it was asked.
  ReplicaCore::Place place;
  ReplicaReply plan = self->PlanRead(request, &place);
  if (plan.word.code != Code::kOk) {
    respond(Encode(plan));
    co_return;
  }
  uint64_t to = std::min(place.to, self->StreamEnd());
  StatusOr<storage::JournalRead> read =
      co_await self->context_->journal.Read(self->stream_, place.from, to, request.max_bytes);
  ReplicaCore::Place now;
  ReplicaReply reply = self->PlanRead(request, &now);
  if (reply.word.code != Code::kOk) {
    respond(Encode(reply));
    co_return;
  }
  if (!read.ok()) {
    respond(read.status());
    co_return;
  }
  reply.batches = ToBatches(*self->core_, read->entries, request.from);
  if (reply.batches.empty()) {
    // What is unreadable here others have.
    uint64_t lost = std::max(read->lost_end, place.from + 1) - place.from;
    reply.word.code = Code::kLacks;
    reply.next = std::min(request.from + lost, request.to);
  }
  respond(Encode(reply));
}

}  // namespace vlog::loglets::replicated
