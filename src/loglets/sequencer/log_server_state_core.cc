#include "loglets/sequencer/log_server_state_core.h"

#include <algorithm>

#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"

namespace vlog::loglets::sequencer {
namespace {

constexpr uint8_t kFormatVersion = 2;
constexpr size_t kSourceBytes = 4 * sizeof(uint64_t);  // known tail, sequencer
// In the first format a sequencer had no disk.
constexpr size_t kOldSourceBytes = 3 * sizeof(uint64_t);

Status OtherFormat(const std::string& what, uint32_t format) {
  bool older = format < kFormatVersion;
  return absl::InvalidArgumentError(absl::StrCat(
      what, " in format ", format, ", of ", older ? "an older" : "a newer",
      " version of this program, which reads format ", kFormatVersion,
      ": start the node with that ",
      "version again, or give it an empty directory ('vlogd --init') and 'vlog replace-disk' it ",
      "while the other copies are there"));
}

}  // namespace

storage::Entry LogServerState::BatchEntry(LogServerEntryType type, const PlacedBatch& placed,
                                          Offset known, SequencerId sequencer) {
  storage::Entry entry;
  entry.type = type;
  entry.first = placed.first.value();
  entry.count = placed.batch.header.count;
  entry.meta = EncodeBatchHeader(placed.batch.header);
  PutFixed(&entry.meta, known.value());
  PutFixed(&entry.meta, sequencer.node.value());
  PutFixed(&entry.meta, sequencer.incarnation.value());
  PutFixed(&entry.meta, sequencer.disk.value());
  entry.payload = placed.batch.body;
  entry.payload_crc = placed.batch.body_crc;
  return entry;
}

storage::Entry LogServerState::SkipEntry(Offset to, Offset known) {
  storage::Entry entry;
  entry.type = kSkipEntry;
  entry.first = to.value();
  PutFixed(&entry.meta, known.value());
  return entry;
}

storage::Entry LogServerState::SealEntry(Offset tail, const std::string& proposal) {
  storage::Entry entry;
  entry.type = kSealEntry;
  entry.first = tail.value();
  entry.payload = Bytes::CopyOf(proposal);
  entry.payload_crc = Crc32c(entry.payload.view());
  return entry;
}

storage::Entry LogServerState::TrimEntry(Offset to, Offset known) {
  storage::Entry entry;
  entry.type = kTrimEntry;
  entry.first = to.value();
  PutFixed(&entry.meta, known.value());
  return entry;
}

storage::Entry LogServerState::SettleEntry(Offset tail) {
  storage::Entry entry;
  entry.type = kSettleEntry;
  entry.first = tail.value();
  return entry;
}

StatusOr<PlacedBatch> LogServerState::ToBatch(const storage::Entry& entry) {
  std::string_view meta = entry.meta;
  if (meta.size() != kBatchHeaderBytes + kSourceBytes) {
    return absl::DataLossError("malformed batch entry of a log server");
  }
  StatusOr<BatchHeader> header = DecodeBatchHeader(meta.substr(0, kBatchHeaderBytes));
  VLOG_RETURN_IF_ERROR(header);
  PlacedBatch placed;
  placed.first = Offset(entry.first);
  placed.batch.header = *header;
  placed.batch.body = entry.payload;
  placed.batch.body_crc = entry.payload_crc;
  return placed;
}

Status LogServerState::Check(const storage::Entry& entry) const {
  if (entry.type < kStoreEntry || entry.type > kSettleEntry) {
    return OtherFormat(absl::StrCat("entry of type ", entry.type, " of a log server"),
                       kFormatVersion + 1);
  }
  if (entry.type != kStoreEntry && entry.type != kRepairEntry) return absl::OkStatus();
  if (entry.meta.size() == kBatchHeaderBytes + kOldSourceBytes) {
    return OtherFormat("batch entry of a log server", 1);
  }
  if (entry.meta.size() == kBatchHeaderBytes + kSourceBytes) return absl::OkStatus();
  return absl::DataLossError("malformed batch entry of a log server");
}

void LogServerState::Apply(const storage::Entry& entry) {
  Offset first(entry.first);
  switch (entry.type) {
    case kStoreEntry:
    case kRepairEntry:
      ApplyBatch(entry);
      break;
    case kSkipEntry:
      Learn(Offset(Decoder(entry.meta).Fixed<uint64_t>()));
      SkipTo(entry.first);
      break;
    case kSealEntry:
      // What it counts and the journal does not have was lost, or refused by a full disk.
      possible_ = std::max({possible_, first, tail_});
      if (!seal_recorded_) proposal_ = std::string(entry.payload.view());
      sealed_ = seal_recorded_ = true;
      break;
    case kSettleEntry:
      possible_ = tail_;
      break;
    case kTrimEntry:
      Learn(Offset(Decoder(entry.meta).Fixed<uint64_t>()));
      ApplyTrim(first);
      break;
    default:
      VLOG_CHECK(false, "a log server writes only what it knows");
  }
}

void LogServerState::ApplyBatch(const storage::Entry& entry) {
  VLOG_CHECK(entry.first == tail_.value(), "batches follow each other");
  bool repair = entry.type == kRepairEntry;
  VLOG_CHECK(repair || !seal_recorded_, "no store follows the seal in the journal");
  Decoder in(std::string_view(entry.meta).substr(kBatchHeaderBytes));
  Learn(Offset(in.Fixed<uint64_t>()));
  SequencerId sequencer;
  sequencer.node = NodeId(in.Fixed<uint64_t>());
  sequencer.incarnation = Incarnation(in.Fixed<uint64_t>());
  sequencer.disk = DiskId(in.Fixed<uint64_t>());
  VLOG_CHECK(in.ok(), "a batch entry says where it came from");
  if (!repair && !sequencer_) sequencer_ = sequencer;
  tail_ = Offset(entry.first + entry.count);
}

void LogServerState::ApplyTrim(Offset to) {
  trim_ = std::max(trim_, std::min(to, known_));
  while (!holes_.empty() && holes_.begin()->first < trim_) {
    Offset end = holes_.begin()->second;
    holes_.erase(holes_.begin());
    if (end > trim_) holes_[trim_] = end;
  }
}

void LogServerState::Damaged(uint64_t lost) {
  // After a recorded seal nothing was acknowledged, and the seal says what it counted.
  if (seal_recorded_) return;
  sealed_ = true;
  possible_ = std::max(possible_, tail_ + lost);
}

void LogServerState::SkipTo(uint64_t end) {
  if (Offset(end) <= tail_) return;
  NoteHole(tail_, Offset(end));
  tail_ = Offset(end);
}

void LogServerState::NoteHole(Offset from, Offset to) {
  from = std::max(from, trim_);
  if (from >= to) return;
  // Joins all that it touches.
  auto it = holes_.upper_bound(from);
  if (it != holes_.begin() && std::prev(it)->second >= from) --it;
  while (it != holes_.end() && it->first <= to) {
    from = std::min(from, it->first);
    to = std::max(to, it->second);
    it = holes_.erase(it);
  }
  holes_[from] = to;
}

Offset LogServerState::HoldsFrom() const {
  if (known_ > tail_) return known_;
  Offset last_hole = holes_.empty() ? Offset() : std::prev(holes_.end())->second;
  return std::max(trim_, last_hole);
}

Offset LogServerState::HeldUntil(Offset from) const {
  if (from < trim_ || from >= tail_) return from;
  auto above = holes_.upper_bound(from);
  if (above != holes_.begin() && std::prev(above)->second > from) return from;
  return above == holes_.end() ? tail_ : above->first;
}

Offset LogServerState::NextHeld(Offset from) const {
  from = std::max(from, trim_);
  auto above = holes_.upper_bound(from);
  if (above != holes_.begin()) from = std::max(from, std::prev(above)->second);
  return from < tail_ ? from : kMaxOffset;
}

std::string LogServerState::Encode() const {
  std::string out;
  PutFixed(&out, kFormatVersion);
  for (Offset position : {trim_, tail_, known_, possible_}) PutFixed(&out, position.value());
  PutFixed(&out, static_cast<uint8_t>(sealed_));
  PutFixed(&out, static_cast<uint8_t>(seal_recorded_));
  PutString(&out, proposal_);
  PutFixed(&out, static_cast<uint8_t>(sequencer_.has_value()));
  SequencerId sequencer = sequencer_.value_or(SequencerId());
  PutFixed(&out, sequencer.node.value());
  PutFixed(&out, sequencer.incarnation.value());
  PutFixed(&out, sequencer.disk.value());
  for (const auto& [begin, end] : holes_) {
    PutFixed(&out, begin.value());
    PutFixed(&out, end.value());
  }
  return out;
}

Status LogServerState::Decode(std::string_view data) {
  Decoder in(data);
  auto version = in.Fixed<uint8_t>();
  if (in.ok() && version != kFormatVersion) {
    return OtherFormat("state of a log server", version);
  }
  for (Offset* position : {&trim_, &tail_, &known_, &possible_}) {
    *position = Offset(in.Fixed<uint64_t>());
  }
  sealed_ = in.Fixed<uint8_t>() != 0;
  seal_recorded_ = in.Fixed<uint8_t>() != 0;
  proposal_ = std::string(in.String());
  bool has_sequencer = in.Fixed<uint8_t>() != 0;
  SequencerId sequencer;
  sequencer.node = NodeId(in.Fixed<uint64_t>());
  sequencer.incarnation = Incarnation(in.Fixed<uint64_t>());
  sequencer.disk = DiskId(in.Fixed<uint64_t>());
  if (has_sequencer) sequencer_ = sequencer;
  while (in.ok() && in.remaining() > 0) {
    Offset begin(in.Fixed<uint64_t>());
    holes_[begin] = Offset(in.Fixed<uint64_t>());
  }
  return in.ok() ? absl::OkStatus() : absl::DataLossError("malformed state of a log server");
}

void LogServerState::CheckInvariants() const {
  VLOG_CHECK(trim_ <= known_, "only what is committed is trimmed");
  Offset last;
  for (const auto& [begin, end] : holes_) {
    VLOG_CHECK(begin >= trim_ && begin < end && end <= tail_, "holes lie in what is kept");
    VLOG_CHECK(last == Offset() || begin > last, "holes do not touch");
    last = end;
  }
  VLOG_CHECK(sealed_ || (!seal_recorded_ && proposal_.empty()), "a proposal comes with a seal");
  VLOG_CHECK(sealed_ || possible_ == Offset(), "who is not sealed has lost nothing");
}

std::unique_ptr<storage::StreamState> NewSequencerStreamState(const std::string& kind) {
  if (kind == kLogServerStreamKind) return std::make_unique<LogServerState>();
  return nullptr;
}

std::string LogServerStreamKey(const LogletId& id) {
  std::string key = "s";
  PutFixed(&key, id.segment.value());
  PutFixed(&key, id.proposal.value());
  key += id.log;
  return key;
}

LogletId ParseLogServerStreamKey(const std::string& key) {
  if (key.empty() || key[0] != 's') return LogletId();
  Decoder in(std::string_view(key).substr(1));
  LogletId id;
  id.segment = SegmentIndex(in.Fixed<uint64_t>());
  id.proposal = ProposalId(in.Fixed<uint64_t>());
  id.log = std::string(in.Raw(in.remaining()));
  return in.ok() ? id : LogletId();
}

}  // namespace vlog::loglets::sequencer
