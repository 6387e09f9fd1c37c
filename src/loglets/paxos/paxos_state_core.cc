#include "loglets/paxos/paxos_state_core.h"

#include <algorithm>

#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"

namespace vlog::loglets::paxos {
namespace {

constexpr uint8_t kFormatVersion = 1;

// What the meta of an accept entry says: ballot, chosen, slot, kind, batch header.
void PutMeta(std::string* out, const Ballot& ballot, Slot chosen) {
  consensus::PutBallot(out, ballot);
  PutFixed(out, chosen.value());
}

void PutCommandHead(std::string* out, const Command& command) {
  PutFixed(out, static_cast<uint8_t>(command.kind));
  if (command.kind == Command::Kind::kBatch) *out += EncodeBatchHeader(command.header);
}

// False if it is none.
bool GetCommandHead(Decoder& in, Command* command) {
  auto kind = in.Fixed<uint8_t>();
  if (!in.ok() || kind > static_cast<uint8_t>(Command::Kind::kSeal)) return false;
  command->kind = static_cast<Command::Kind>(kind);
  if (command->kind != Command::Kind::kBatch) return true;
  StatusOr<BatchHeader> header = DecodeBatchHeader(in.Raw(kBatchHeaderBytes));
  if (header.ok()) command->header = *header;
  return header.ok();
}

storage::Entry ControlEntry(PaxosEntryType type, uint64_t end, const Ballot& ballot, Slot chosen) {
  storage::Entry entry;
  entry.type = type;
  entry.first = end;
  PutMeta(&entry.meta, ballot, chosen);
  return entry;
}

}  // namespace

uint32_t ApplyCommand(replicated::AppliedState& state, const Command& command,
                      replicated::AppliedState::Result* result) {
  *result = {replicated::AppliedState::Outcome::kTaken, state.end()};
  if (command.kind == Command::Kind::kSeal) state.ApplySeal(std::string(command.body.view()));
  if (command.kind != Command::Kind::kBatch) return 0;
  *result = state.Apply(command.header);
  bool taken = result->outcome == replicated::AppliedState::Outcome::kTaken;
  return taken ? command.header.count : 0;
}

storage::Entry PaxosState::PromiseEntry(uint64_t end, const Ballot& ballot, Slot chosen) {
  return ControlEntry(kPromiseEntry, end, ballot, chosen);
}

storage::Entry PaxosState::AcceptEntry(uint64_t position, const SlotEntry& accepted, Slot chosen) {
  storage::Entry entry = ControlEntry(kAcceptEntry, position, accepted.ballot, chosen);
  entry.count = accepted.command.positions();
  PutFixed(&entry.meta, accepted.slot.value());
  PutCommandHead(&entry.meta, accepted.command);
  entry.payload = accepted.command.body;
  entry.payload_crc = accepted.command.body_crc;
  return entry;
}

storage::Entry PaxosState::TrimEntry(uint64_t end, Offset to, Slot base, Slot chosen) {
  storage::Entry entry = ControlEntry(kTrimEntry, end, Ballot(), chosen);
  PutFixed(&entry.meta, to.value());
  PutFixed(&entry.meta, base.value());
  return entry;
}

storage::Entry PaxosState::MoveEntry(uint64_t position, const Checkpoint& checkpoint, Slot chosen) {
  storage::Entry entry = ControlEntry(kMoveEntry, position, checkpoint.promised, chosen);
  entry.count = 1;
  PutFixed(&entry.meta, checkpoint.slot.value());
  std::string applied;
  checkpoint.applied.EncodeTo(&applied);
  entry.payload = Bytes(std::move(applied));
  entry.payload_crc = Crc32c(entry.payload.view());
  return entry;
}

StatusOr<SlotEntry> PaxosState::ToSlotEntry(const storage::Entry& entry) {
  Decoder in(entry.meta);
  SlotEntry accepted;
  accepted.ballot = consensus::GetBallot(in);
  in.Fixed<uint64_t>();  // what was chosen
  accepted.slot = Slot(in.Fixed<uint64_t>());
  bool valid = entry.type == kAcceptEntry && GetCommandHead(in, &accepted.command) && in.done();
  if (!valid || accepted.command.positions() != entry.count) {
    return absl::DataLossError("malformed accept entry of a Paxos replica");
  }
  accepted.command.body = entry.payload;
  accepted.command.body_crc = entry.payload_crc;
  return accepted;
}

void PaxosState::Apply(const storage::Entry& entry) {
  // It names an end that was durable when it was written: less is here, so entries were lost.
  if (entry.first > end_) SkipTo(entry.first);
  Decoder in(entry.meta);
  promised_ = std::max(promised_, consensus::GetBallot(in));
  Learn(Slot(in.Fixed<uint64_t>()));
  VLOG_CHECK(in.ok(), "an entry says what was promised and chosen");
  switch (entry.type) {
    case kPromiseEntry:
      break;
    case kAcceptEntry:
      ApplyAccept(entry);
      break;
    case kTrimEntry: {
      Offset to(in.Fixed<uint64_t>());
      ApplyTrim(to, Slot(in.Fixed<uint64_t>()));
      break;
    }
    case kMoveEntry:
      ApplyMove(entry, in);
      break;
    default:
      VLOG_CHECK(false, "a Paxos replica writes only what it knows");
  }
}

void PaxosState::ApplyAccept(const storage::Entry& entry) {
  StatusOr<SlotEntry> accepted = ToSlotEntry(entry);
  VLOG_CHECK(accepted.ok(), "an accept entry holds a command");
  VLOG_CHECK(entry.first == end_, "entries follow each other");
  end_ += entry.count;
  if (accepted->slot < log_.end().slot) return;
  Accepted& held = accepted_[accepted->slot];
  if (held.ballot > accepted->ballot) return;  // a later leader's is kept
  // What recovery and checkpoints need of a body is SEAL's proposal.
  if (accepted->command.kind != Command::Kind::kSeal) accepted->command.body = Bytes();
  held = {accepted->ballot, std::move(accepted->command), entry.first};
}

void PaxosState::ApplyTrim(Offset to, Slot base) {
  // Its writer may have kept the state there although it was not time to.
  if (base == log_.end().slot) history_.Keep(base.value(), applied_);
  history_.SetBase(base.value());
  // After damage the prefix may be shorter than it was.
  Slot begin(history_.base().index);
  log_.Trim(std::min(to, log_.end().offset), {begin, history_.base().end()});
}

void PaxosState::ApplyMove(const storage::Entry& entry, Decoder& in) {
  Slot slot(in.Fixed<uint64_t>());
  StatusOr<replicated::AppliedState> applied =
      replicated::AppliedState::Decode(entry.payload.view());
  VLOG_CHECK(in.ok() && applied.ok(), "a checkpoint was valid when it was taken");
  VLOG_CHECK(entry.first == end_, "entries follow each other");
  end_ += entry.count;
  if (slot <= log_.end().slot) return;
  log_.MoveTo({slot, applied->end()});
  history_.Reset(slot.value(), *applied);
  applied_ = *std::move(applied);
  accepted_.erase(accepted_.begin(), accepted_.lower_bound(slot));
}

// All slots below `chosen` are chosen, and the newest accepted command of each is the chosen one.
void PaxosState::Learn(Slot chosen) {
  while (log_.end().slot < chosen) {
    auto it = accepted_.begin();
    bool here = it != accepted_.end() && it->first == log_.end().slot;
    VLOG_CHECK(here || impaired_, "what was durable and chosen is here");
    if (!here) return;
    const Accepted& held = it->second;
    replicated::AppliedState::Result result;
    uint32_t records = ApplyCommand(applied_, held.command, &result);
    log_.Append(held.ballot, records, held.position, held.command.positions());
    accepted_.erase(it);
    history_.Note(log_.end().slot.value(), applied_);
  }
}

void PaxosState::Impair() {
  impaired_ = true;
  accepted_.clear();
}

void PaxosState::Damaged(uint64_t lost) {
  Impair();
  end_ += lost;
}

void PaxosState::SkipTo(uint64_t end) {
  Impair();
  end_ = std::max(end_, end);
}

uint64_t PaxosState::trim() const {
  uint64_t needed = log_.lowest_needed().value_or(end_);
  for (const auto& [slot, held] : accepted_) needed = std::min(needed, held.position);
  return needed;
}

std::string PaxosState::Encode() const {
  std::string out;
  PutFixed(&out, kFormatVersion);
  consensus::PutBallot(&out, promised_);
  PutFixed(&out, static_cast<uint8_t>(impaired_));
  PutFixed(&out, end_);
  std::string applied;
  applied_.EncodeTo(&applied);
  PutString(&out, applied);
  history_.EncodeTo(&out);
  log_.EncodeTo(&out);
  for (const auto& [slot, held] : accepted_) {
    PutFixed(&out, slot.value());
    consensus::PutBallot(&out, held.ballot);
    PutFixed(&out, held.position);
    PutFixed(&out, held.command.body_crc);
    PutCommandHead(&out, held.command);
    PutString(&out, held.command.body.view());
  }
  return out;
}

Status PaxosState::Decode(std::string_view data) {
  Decoder in(data);
  auto version = in.Fixed<uint8_t>();
  if (in.ok() && version != kFormatVersion) {
    return absl::InvalidArgumentError(absl::StrCat("state of a Paxos replica in format ", version,
                                                   "; this program reads ", kFormatVersion));
  }
  promised_ = consensus::GetBallot(in);
  impaired_ = in.Fixed<uint8_t>() != 0;
  end_ = in.Fixed<uint64_t>();
  StatusOr<replicated::AppliedState> applied = replicated::AppliedState::Decode(in.String());
  VLOG_RETURN_IF_ERROR(applied);
  applied_ = *std::move(applied);
  StatusOr<replicated::AppliedHistory> history = replicated::AppliedHistory::Decode(in);
  VLOG_RETURN_IF_ERROR(history);
  history_ = *std::move(history);
  log_.Decode(in);
  while (in.ok() && in.remaining() > 0) {
    Accepted& held = accepted_[Slot(in.Fixed<uint64_t>())];
    held.ballot = consensus::GetBallot(in);
    held.position = in.Fixed<uint64_t>();
    held.command.body_crc = in.Fixed<uint32_t>();
    if (!GetCommandHead(in, &held.command)) break;
    held.command.body = Bytes::CopyOf(in.String());
  }
  bool whole = in.done();
  return whole ? absl::OkStatus() : absl::DataLossError("malformed state of a Paxos replica");
}

void PaxosState::CheckInvariants() const {
  log_.CheckInvariants();
  history_.CheckInvariants();
  VLOG_CHECK(applied_.end() == log_.end().offset, "what is mapped is applied");
  VLOG_CHECK(history_.base().index == log_.begin().slot.value(), "what is held begins at the base");
  VLOG_CHECK(accepted_.empty() || accepted_.begin()->first >= log_.end().slot,
             "what is chosen and applied is not kept as accepted");
  for (const auto& [slot, held] : accepted_) {
    VLOG_CHECK(held.ballot <= promised_, "an accept is a promise");
    VLOG_CHECK(held.position < end_, "what is accepted was written");
  }
  VLOG_CHECK(trim() <= end_, "what is needed was written");
}

}  // namespace vlog::loglets::paxos
