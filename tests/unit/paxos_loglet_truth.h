// The checker of a whole Paxos loglet: sees everything that all replicas propose, choose, apply and
// acknowledge, in all their lives, and says what contradicts what. It judges batches by its own
// few lines, not by the code under test.
#ifndef VLOG_TESTS_UNIT_PAXOS_LOGLET_TRUTH_H_
#define VLOG_TESTS_UNIT_PAXOS_LOGLET_TRUTH_H_

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "loglets/paxos/messages.h"
#include "loglets/paxos/replica_log_core.h"

namespace vlog::loglets::paxos {

class Truth {
 public:
  // Each returns "" or a violation.
  // A ballot proposes one command a slot.
  std::string Proposed(const SlotEntry& entry);
  // One command a slot, for ever and on all replicas; what it amounts to is what a few lines say.
  std::string Applied(const ReplicaLog::Applied& applied);
  // Replicas that have applied the same slots have the same state.
  std::string State(Slot slot, const replicated::AppliedState& state);
  // An acknowledged batch is at its offset, and below SEAL.
  std::string Acked(const BatchHeader& batch, Offset offset) const;

  // Of what was applied anywhere.
  Offset end() const { return end_; }
  // Of the records up to this slot, with its own.
  Offset EndOf(Slot slot) const { return ends_[slot.value()]; }
  Slot slots() const { return Slot(chosen_.size()); }
  bool sealed() const { return sealed_; }
  bool chosen(Slot slot) const { return slot < slots(); }
  // The slot's command, as far as it identifies it.
  static std::string Identity(const Command& command);
  std::string IdentityAt(Slot slot) const { return chosen_[slot.value()]; }
  bool Stored(const BatchHeader& batch) const {
    return places_.contains({batch.writer, batch.first});
  }
  uint64_t voids() const { return voids_; }
  uint64_t no_ops() const { return no_ops_; }

 private:
  struct Result {
    bool taken = false;
    Offset offset;
  };
  Result Judge(const Command& command);

  std::map<std::pair<Ballot, Slot>, std::string> proposed_;
  std::vector<std::string> chosen_;  // by slot: what was applied first
  std::vector<Result> results_;
  std::vector<Offset> ends_;
  std::map<Slot, std::string> states_;
  std::map<WriterId, SeqNo> last_;
  std::map<std::pair<WriterId, SeqNo>, std::pair<Offset, uint32_t>> places_;
  Offset end_;
  bool sealed_ = false;
  uint64_t voids_ = 0;
  uint64_t no_ops_ = 0;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_TESTS_UNIT_PAXOS_LOGLET_TRUTH_H_
