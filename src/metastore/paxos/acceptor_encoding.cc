// The bytes of an acceptor's journal entries and of its state in a checkpoint.
#include "metastore/paxos/acceptor_core.h"

namespace vlog::metastore {
namespace {

constexpr uint8_t kStateFormat = 1;

void PutRecord(std::string* out, const ClusterRecord& record) {
  PutFixed(out, record.cluster.value());
  PutReplicas(out, {record.self});
  PutReplicas(out, record.acceptors);
}

ClusterRecord GetRecord(Decoder& in) {
  ClusterRecord record;
  record.cluster = ClusterId(in.Fixed<uint64_t>());
  std::vector<Replica> self = GetReplicas(in);
  if (self.size() == 1) record.self = self.front();
  record.acceptors = GetReplicas(in);
  return record;
}

void PutChange(std::string* out, const AcceptorChange& change) {
  PutFixed(out, static_cast<uint8_t>(change.kind));
  if (change.kind == AcceptorChange::Kind::kFormat) return PutRecord(out, change.record);
  PutString(out, change.log);
  PutFixed(out, change.slot.value());
  consensus::PutBallot(out, change.ballot);
  PutString(out, change.value.view());
}

}  // namespace

Bytes EncodeChanges(const std::vector<AcceptorChange>& changes) {
  std::string out;
  for (const AcceptorChange& change : changes) PutChange(&out, change);
  return Bytes(std::move(out));
}

StatusOr<std::vector<AcceptorChange>> DecodeChanges(std::string_view data) {
  Decoder in(data);
  std::vector<AcceptorChange> changes;
  while (in.ok() && in.remaining() > 0) {
    AcceptorChange change;
    auto kind = in.Fixed<uint8_t>();
    if (kind < 1 || kind > 4) return absl::DataLossError("unknown entry of an acceptor");
    change.kind = static_cast<AcceptorChange::Kind>(kind);
    if (change.kind == AcceptorChange::Kind::kFormat) {
      change.record = GetRecord(in);
    } else {
      change.log = std::string(in.String());
      change.slot = Version(in.Fixed<uint64_t>());
      change.ballot = consensus::GetBallot(in);
      change.value = Bytes::CopyOf(in.String());
    }
    changes.push_back(std::move(change));
  }
  if (!in.ok()) return absl::DataLossError("malformed entry of an acceptor");
  return changes;
}

std::string AcceptorCore::Encode() const {
  std::string out;
  PutFixed(&out, kStateFormat);
  PutRecord(&out, record_);
  PutFixed(&out, static_cast<uint8_t>(lost_memory_));
  for (const auto& [log, reg] : registers_) {
    PutString(&out, log);
    PutFixed(&out, reg.version.value());
    PutString(&out, reg.chosen.view());
    consensus::PutAcceptorState(&out, reg.open);
  }
  return out;
}

Status AcceptorCore::Decode(std::string_view data) {
  Decoder in(data);
  if (in.Fixed<uint8_t>() != kStateFormat) {
    return absl::InvalidArgumentError("the acceptor's state is of another version");
  }
  record_ = GetRecord(in);
  lost_memory_ = in.Fixed<uint8_t>() != 0;
  while (in.ok() && in.remaining() > 0) {
    std::string log(in.String());
    Register& reg = registers_[log];
    Version version(in.Fixed<uint64_t>());
    Bytes chosen = Bytes::CopyOf(in.String());
    if (version != Version()) {
      StatusOr<RegisterValue> value = DecodeRegisterValue(chosen.view());
      VLOG_RETURN_IF_ERROR(value);
      Advance(reg, version, std::move(chosen));
    }
    reg.open = consensus::GetAcceptorState(in);
  }
  return in.ok() ? absl::OkStatus() : absl::DataLossError("malformed state of an acceptor");
}

}  // namespace vlog::metastore
