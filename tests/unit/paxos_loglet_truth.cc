#include "unit/paxos_loglet_truth.h"

namespace vlog::loglets::paxos {
namespace {

std::string At(Slot slot) { return " in slot " + std::to_string(slot.value()); }

}  // namespace

std::string Truth::Identity(const Command& command) {
  const BatchHeader& h = command.header;
  switch (command.kind) {
    case Command::Kind::kNoOp:
      return "no-op";
    case Command::Kind::kSeal:
      return "SEAL " + std::to_string(command.body_crc);
    case Command::Kind::kBatch:
      break;
  }
  return std::to_string(h.writer.value()) + "." + std::to_string(h.first.value()) + "x" +
         std::to_string(h.count) + " crc " + std::to_string(command.body_crc);
}

std::string Truth::Proposed(const SlotEntry& entry) {
  std::string identity = Identity(entry.command);
  auto [it, fresh] = proposed_.try_emplace({entry.ballot, entry.slot}, identity);
  if (it->second == identity) return "";
  return "ballot " + consensus::ToString(entry.ballot) + " proposes " + it->second + " and " +
         identity + At(entry.slot);
}

Truth::Result Truth::Judge(const Command& command) {
  if (command.kind == Command::Kind::kSeal) sealed_ = true;
  no_ops_ += command.kind == Command::Kind::kNoOp;
  if (command.kind != Command::Kind::kBatch) return {false, end_};
  const BatchHeader& batch = command.header;
  auto last = last_.find(batch.writer);
  bool known = last != last_.end();
  bool next =
      known ? !batch.first_in_loglet && batch.prev == last->second && batch.first > last->second
            : batch.first_in_loglet;
  if (sealed_ || !next) {
    ++voids_;
    return {};
  }
  last_[batch.writer] = batch.last();
  places_[{batch.writer, batch.first}] = {end_, batch.count};
  Result result{true, end_};
  end_ += batch.count;
  return result;
}

std::string Truth::Applied(const ReplicaLog::Applied& applied) {
  std::string identity = Identity(applied.command);
  if (applied.slot > slots()) return "a slot is applied before the one below it";
  if (applied.slot == slots()) {
    chosen_.push_back(identity);
    results_.push_back(Judge(applied.command));
    ends_.push_back(end_);
  }
  const std::string& first = chosen_[applied.slot.value()];
  if (first != identity) return "both " + first + " and " + identity + At(applied.slot);
  if (applied.command.kind != Command::Kind::kBatch) return "";
  const Result& expected = results_[applied.slot.value()];
  bool taken = applied.result.outcome == replicated::AppliedState::Outcome::kTaken;
  bool same = taken == expected.taken && (!taken || applied.result.offset == expected.offset);
  return same ? "" : "a batch got another place than its prefix says" + At(applied.slot);
}

std::string Truth::State(Slot slot, const replicated::AppliedState& state) {
  std::string encoded;
  state.EncodeTo(&encoded);
  auto [it, fresh] = states_.try_emplace(slot, encoded);
  return it->second == encoded ? "" : "replicas differ after the same slots" + At(slot);
}

std::string Truth::Acked(const BatchHeader& batch, Offset offset) const {
  auto it = places_.find({batch.writer, batch.first});
  if (it == places_.end()) return "a batch was acknowledged that was not taken";
  bool same = it->second == std::pair(offset, batch.count);
  return same ? "" : "a batch was acknowledged at another offset than its own";
}

}  // namespace vlog::loglets::paxos
