// The bytes of a Raft replica's journal entries and checkpoints.
#include <utility>

#include "base/crc32c.h"
#include "loglets/raft/raft_state_core.h"

namespace vlog::loglets::raft {
namespace {

constexpr uint8_t kFormatVersion = 2;

uint16_t StoredType(EntryType type) {
  if (type == EntryType::kBatch) return kBatchEntry;
  return type == EntryType::kSeal ? kSealEntry : kNoOpEntry;
}

void SetPayload(storage::Entry* entry, Bytes payload) {
  entry->payload_crc = Crc32c(payload.view());
  entry->payload = std::move(payload);
}

}  // namespace

// ---- entries ----

storage::Entry RaftState::VoteEntry(const HardState& hard) {
  storage::Entry entry;
  entry.type = kVoteEntry;
  PutFixed(&entry.meta, hard.term.value());
  PutFixed(&entry.meta, hard.vote.node.value());
  PutFixed(&entry.meta, hard.vote.disk.value());
  return entry;
}

storage::Entry RaftState::LogEntryAt(Index index, const LogEntry& logged, Index commit) const {
  storage::Entry entry;
  entry.type = StoredType(logged.type);
  entry.first = end_;
  entry.count = 1;
  PutFixed(&entry.meta, index.value());
  PutFixed(&entry.meta, logged.term.value());
  PutFixed(&entry.meta, log_.EndAt(Index(index.value() - 1)).value());
  PutFixed(&entry.meta, commit.value());
  if (logged.type == EntryType::kBatch) {
    entry.count = logged.batch.header.count;
    entry.meta += EncodeBatchHeader(logged.batch.header);
    entry.payload = logged.batch.body;
    entry.payload_crc = logged.batch.body_crc;
  } else if (logged.type == EntryType::kSeal) {
    SetPayload(&entry, Bytes::CopyOf(logged.proposal));
  }
  return entry;
}

storage::Entry RaftState::TrimEntry(Offset to, Index commit, Index base) {
  storage::Entry entry;
  entry.type = kTrimEntry;
  entry.first = to.value();
  PutFixed(&entry.meta, commit.value());
  PutFixed(&entry.meta, base.value());
  return entry;
}

storage::Entry RaftState::MoveEntry(Index index, Term term, Bytes state) {
  storage::Entry entry;
  entry.type = kMoveEntry;
  PutFixed(&entry.meta, index.value());
  PutFixed(&entry.meta, term.value());
  SetPayload(&entry, std::move(state));
  return entry;
}

StatusOr<StoredEntry> RaftState::ToStored(const storage::Entry& entry) {
  if (!RaftState::IsLogEntry(entry.type)) return absl::DataLossError("not an entry of a Raft log");
  Decoder in(entry.meta);
  StoredEntry stored;
  stored.index = Index(in.Fixed<uint64_t>());
  stored.entry.term = Term(in.Fixed<uint64_t>());
  stored.begin = Offset(in.Fixed<uint64_t>());
  stored.commit = Index(in.Fixed<uint64_t>());
  if (entry.type == kBatchEntry) {
    StatusOr<BatchHeader> header = DecodeBatchHeader(in.Raw(kBatchHeaderBytes));
    VLOG_RETURN_IF_ERROR(header);
    stored.entry.type = EntryType::kBatch;
    stored.entry.batch.header = *header;
    stored.entry.batch.body = entry.payload;
    stored.entry.batch.body_crc = entry.payload_crc;
  } else if (entry.type == kSealEntry) {
    stored.entry.type = EntryType::kSeal;
    stored.entry.proposal = std::string(entry.payload.view());
  }
  if (!in.done()) return absl::DataLossError("malformed entry of a Raft log");
  return stored;
}

// ---- checkpoints ----

std::string RaftState::Encode() const {
  std::string out;
  PutFixed(&out, kFormatVersion);
  PutFixed(&out, hard_.term.value());
  PutFixed(&out, hard_.vote.node.value());
  PutFixed(&out, hard_.vote.disk.value());
  PutFixed(&out, start_.index.value());
  PutFixed(&out, start_.term.value());
  PutFixed(&out, start_.end.value());
  PutFixed(&out, trim_.value());
  PutFixed(&out, end_);
  PutFixed(&out, static_cast<uint8_t>(impaired_));
  PutFixed(&out, static_cast<uint32_t>(terms_.size()));
  for (const TermRun& run : terms_) {
    PutFixed(&out, run.first.value());
    PutFixed(&out, run.term.value());
  }
  log_.EncodeTo(&out);
  map_.EncodeTo(&out);
  history_.EncodeTo(&out);
  return out;
}

Status RaftState::Decode(std::string_view data) {
  Decoder in(data);
  auto version = in.Fixed<uint8_t>();
  if (in.ok() && version != kFormatVersion) {
    return absl::InvalidArgumentError(absl::StrCat("state of a Raft replica in format ", version,
                                                   "; this program reads ", kFormatVersion));
  }
  hard_.term = Term(in.Fixed<uint64_t>());
  hard_.vote.node = NodeId(in.Fixed<uint64_t>());
  hard_.vote.disk = DiskId(in.Fixed<uint64_t>());
  start_.index = Index(in.Fixed<uint64_t>());
  start_.term = Term(in.Fixed<uint64_t>());
  start_.end = Offset(in.Fixed<uint64_t>());
  trim_ = Offset(in.Fixed<uint64_t>());
  end_ = in.Fixed<uint64_t>();
  impaired_ = in.Fixed<uint8_t>() != 0;
  terms_.clear();
  auto runs = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < runs && in.ok(); ++i) {
    Index first(in.Fixed<uint64_t>());
    terms_.push_back({first, Term(in.Fixed<uint64_t>())});
  }
  StatusOr<SpeculativeState> log = SpeculativeState::Decode(in);
  VLOG_RETURN_IF_ERROR(log);
  log_ = *std::move(log);
  map_ = replicated::LogMap::Decode(in);
  StatusOr<replicated::AppliedHistory> history = replicated::AppliedHistory::Decode(in);
  VLOG_RETURN_IF_ERROR(history);
  history_ = *std::move(history);
  if (!in.done()) return absl::DataLossError("malformed Raft replica");
  return absl::OkStatus();
}

}  // namespace vlog::loglets::raft
