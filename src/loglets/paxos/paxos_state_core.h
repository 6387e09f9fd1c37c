// What one Paxos loglet has durably become on one replica: a pure state machine over its journal
// entries, the same while the journal runs and when it is recovered.
//
//   slots    |-- trimmed --|---- chosen, applied, mapped ----|-- accepted here, with gaps --|
//                                                       log().end()
//
// Every entry says which slots its writer knew to be chosen and had durably, so recovery applies
// most of the prefix; what it learnt since, it is told again.
//
// Damage: lost entries may have held promises or accepts. The replica never votes again
// (impaired()), forgets what it accepted above the chosen prefix, and serves what it surely holds.
#ifndef VLOG_LOGLETS_PAXOS_PAXOS_STATE_CORE_H_
#define VLOG_LOGLETS_PAXOS_PAXOS_STATE_CORE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "loglets/paxos/mapped_log_core.h"
#include "loglets/paxos/messages.h"
#include "loglets/replicated/applied_history_core.h"
#include "storage/stream_table.h"

namespace vlog::loglets::paxos {

inline constexpr char kPaxosStreamKind[] = "paxos-replica";

enum PaxosEntryType : uint16_t {
  kPromiseEntry = 1,  // `first` of what covers no positions: the stream's durable end
  kAcceptEntry = 2,   // a command in a slot; covers positions
  kTrimEntry = 3,     // of records; and the slot below which commands are given up
  // A checkpoint was taken; payload: the applied state. Covers one position: if it is lost, that
  // shows before anything behind it is believed.
  kMoveEntry = 4,
};

// Thread rule: none, plain data.
class PaxosState final : public storage::StreamState {
 public:
  // A command that was accepted, or learnt as chosen. Bodies of batches stay in the journal.
  struct Accepted {
    Ballot ballot;
    Command command;
    uint64_t position = 0;
  };

  // The entries; the shell sets their stream. `chosen`: what the writer knew, see above.
  static storage::Entry PromiseEntry(uint64_t end, const Ballot& ballot, Slot chosen);
  static storage::Entry AcceptEntry(uint64_t position, const SlotEntry& entry, Slot chosen);
  static storage::Entry TrimEntry(uint64_t end, Offset to, Slot base, Slot chosen);
  static storage::Entry MoveEntry(uint64_t position, const Checkpoint& checkpoint, Slot chosen);
  // The command of an accept entry that was read back; kDataLoss. Its body is not validated.
  static StatusOr<SlotEntry> ToSlotEntry(const storage::Entry& entry);

  void Apply(const storage::Entry& entry) override;
  void Damaged(uint64_t lost) override;
  void SkipTo(uint64_t end) override;
  uint64_t trim() const override;
  uint64_t end() const override { return end_; }
  std::string Encode() const override;
  Status Decode(std::string_view data) override;

  const Ballot& promised() const { return promised_; }
  bool impaired() const { return impaired_; }
  const std::map<Slot, Accepted>& accepted() const { return accepted_; }
  const MappedLog& log() const { return log_; }
  const replicated::AppliedState& applied() const { return applied_; }
  const replicated::AppliedHistory& history() const { return history_; }

  // CHECKs what is said above.
  void CheckInvariants() const;

 private:
  void ApplyAccept(const storage::Entry& entry);
  void ApplyTrim(Offset to, Slot base);
  void ApplyMove(const storage::Entry& entry, Decoder& in);
  void Learn(Slot chosen);
  void Impair();

  Ballot promised_;
  bool impaired_ = false;
  uint64_t end_ = 0;
  std::map<Slot, Accepted> accepted_;  // at log_.end().slot and above
  MappedLog log_;
  replicated::AppliedState applied_;    // of the slots below log_.end().slot
  replicated::AppliedHistory history_;  // its base is where log_ begins
};

// Applies a command and says how many records it holds: 0 if it is void, a no-op or SEAL.
uint32_t ApplyCommand(replicated::AppliedState& state, const Command& command,
                      replicated::AppliedState::Result* result);

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_PAXOS_STATE_CORE_H_
