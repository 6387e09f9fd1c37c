#include "loglets/local/local_core.h"

#include <algorithm>

#include "base/check.h"
#include "base/coding.h"
#include "loglets/tombstones.h"

namespace vlog::loglets {

void LocalState::Apply(const storage::Entry& entry) {
  switch (entry.type) {
    case kBatchEntry: {
      StatusOr<BatchHeader> header = DecodeBatchHeader(entry.meta);
      VLOG_CHECK(header.ok() && entry.first == tail_, "batches follow each other");
      VLOG_CHECK(!sealed_, "no batch follows the seal in the journal");
      tail_ = entry.first + entry.count;
      writers_.Take(*header, Offset(entry.first));
      break;
    }
    case kSealEntry:
      // A seal that names a position makes up for a loglet that damage has swallowed.
      tail_ = std::max(tail_, entry.first);
      if (!sealed_) proposal_ = std::string(entry.payload.view());
      sealed_ = true;
      writers_.Clear();
      break;
    case kTrimEntry:
      trim_ = std::max(trim_, std::min(entry.first, tail_));
      break;
    default:
      VLOG_CHECK(false, "a local loglet writes only what it knows");
  }
}

void LocalState::Damaged(uint64_t lost) {
  // A sealed one too: what lay between its last batch and its seal may be lost. Where the chain
  // already says the end, that counts.
  tail_ += lost;
  sealed_ = true;
  writers_.Clear();
}

void LocalState::SkipTo(uint64_t end) {
  // The range in between reads as lost.
  tail_ = std::max(tail_, end);
}

std::string LocalState::Encode() const {
  std::string out;
  PutFixed(&out, trim_);
  PutFixed(&out, tail_);
  PutFixed(&out, static_cast<uint8_t>(sealed_));
  PutString(&out, proposal_);
  std::string writers;
  writers_.EncodeTo(&writers);
  PutString(&out, writers);
  return out;
}

Status LocalState::Decode(std::string_view data) {
  Decoder in(data);
  trim_ = in.Fixed<uint64_t>();
  tail_ = in.Fixed<uint64_t>();
  sealed_ = in.Fixed<uint8_t>() != 0;
  proposal_ = std::string(in.String());
  StatusOr<WritersTable> writers = WritersTable::Decode(in.String());
  VLOG_RETURN_IF_ERROR(writers);
  if (!in.done()) return absl::DataLossError("malformed state of a local loglet");
  writers_ = *std::move(writers);
  return absl::OkStatus();
}

std::unique_ptr<storage::StreamState> NewLocalStreamState(const std::string& kind) {
  if (kind == kLocalStreamKind) return std::make_unique<LocalState>();
  if (kind == kLocalTombstones) return std::make_unique<TombstoneState>();
  return nullptr;
}

std::string StreamKey(const LogletId& id) {
  std::string key = "l";
  PutFixed(&key, id.segment.value());
  PutFixed(&key, id.proposal.value());
  key += id.log;
  return key;
}

LogletId ParseStreamKey(const std::string& key) {
  if (key.empty() || key[0] != 'l') return LogletId();
  Decoder in(std::string_view(key).substr(1));
  LogletId id;
  id.segment = SegmentIndex(in.Fixed<uint64_t>());
  id.proposal = ProposalId(in.Fixed<uint64_t>());
  id.log = std::string(in.Raw(in.remaining()));
  return in.ok() ? id : LogletId();
}

}  // namespace vlog::loglets
