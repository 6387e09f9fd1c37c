#include "single_core.h"

#include <algorithm>

#include "base/batch.h"
#include "base/check.h"
#include "base/coding.h"

namespace single {

using vlog::Offset;

std::string EncodeParams(const vlog::Replica& home) {
  std::string out;
  vlog::PutFixed(&out, home.node.value());
  vlog::PutFixed(&out, home.disk.value());
  return out;
}

vlog::StatusOr<vlog::Replica> DecodeParams(std::string_view params) {
  vlog::Decoder in(params);
  vlog::Replica home;
  home.node = vlog::NodeId(in.Fixed<uint64_t>());
  home.disk = vlog::DiskId(in.Fixed<uint64_t>());
  if (!in.done()) return absl::InvalidArgumentError("these are no parameters of a single loglet");
  return home;
}

void State::Apply(const vlog::storage::Entry& entry) {
  switch (entry.type) {
    case kBatchEntry: {
      vlog::StatusOr<vlog::BatchHeader> header = vlog::DecodeBatchHeader(entry.meta);
      VLOG_CHECK(header.ok() && entry.first == tail_, "batches follow each other");
      VLOG_CHECK(!sealed_, "no batch follows the seal in the journal");
      tail_ = entry.first + entry.count;
      writers_.Take(*header, Offset(entry.first));
      break;
    }
    case kSealEntry:
      // One that names a position makes up for a loglet that damage has swallowed.
      tail_ = std::max(tail_, entry.first);
      if (!sealed_) proposal_ = std::string(entry.payload.view());
      sealed_ = true;
      writers_.Clear();
      break;
    case kTrimEntry:
      trim_ = std::max(trim_, std::min(entry.first, tail_));
      break;
    default:
      VLOG_CHECK(false, "this stream holds only what this kind wrote");
  }
}

void State::Damaged(uint64_t lost) {
  // The seal may be among what is lost, and so may be acknowledged batches: no position is given
  // out twice, and the log goes on in another loglet.
  tail_ += lost;
  sealed_ = true;
  writers_.Clear();
}

void State::SkipTo(uint64_t end) { tail_ = std::max(tail_, end); }  // in between: lost

std::string State::Encode() const {
  std::string out;
  vlog::PutFixed(&out, trim_);
  vlog::PutFixed(&out, tail_);
  vlog::PutFixed(&out, static_cast<uint8_t>(sealed_));
  vlog::PutString(&out, proposal_);
  std::string writers;
  writers_.EncodeTo(&writers);
  vlog::PutString(&out, writers);
  return out;
}

vlog::Status State::Decode(std::string_view data) {
  vlog::Decoder in(data);
  trim_ = in.Fixed<uint64_t>();
  tail_ = in.Fixed<uint64_t>();
  sealed_ = in.Fixed<uint8_t>() != 0;
  proposal_ = std::string(in.String());
  auto writers = vlog::loglets::WritersTable::Decode(in.String());
  VLOG_RETURN_IF_ERROR(writers);
  if (!in.done()) return absl::DataLossError("malformed state of a single loglet");
  writers_ = *std::move(writers);
  return absl::OkStatus();
}

std::string StreamKey(const vlog::LogletId& id) {
  std::string key = "single:";
  vlog::PutFixed(&key, id.segment.value());
  vlog::PutFixed(&key, id.proposal.value());
  return key + id.log;
}

vlog::LogletId ParseStreamKey(std::string_view key) {
  constexpr std::string_view kPrefix = "single:";
  vlog::LogletId id;
  if (key.substr(0, kPrefix.size()) != kPrefix) return id;
  vlog::Decoder in(key.substr(kPrefix.size()));
  id.segment = vlog::SegmentIndex(in.Fixed<uint64_t>());
  id.proposal = vlog::ProposalId(in.Fixed<uint64_t>());
  id.log = std::string(in.Raw(in.remaining()));
  return in.ok() ? id : vlog::LogletId();
}

}  // namespace single
