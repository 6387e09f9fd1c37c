// What one loglet has durably become on one log server: a pure state machine over its journal
// entries, the same while the journal runs and when it is recovered.
//
//   0 ...... trim ...... [ batches, with holes ] ...... tail        known: somewhere, maybe above
//
// Invariants: trim <= known; the holes lie in [trim, tail) and do not touch; batches that follow
// the seal in the journal are repairs; a tail or a known tail falls between batches; once the seal
// is recorded, what was acknowledged lies below possible_tail().
#ifndef VLOG_LOGLETS_SEQUENCER_LOG_SERVER_STATE_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_LOG_SERVER_STATE_CORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "loglets/sequencer/messages.h"
#include "storage/stream_table.h"

namespace vlog::loglets::sequencer {

inline constexpr char kLogServerStreamKind[] = "sequencer";

enum LogServerEntryType : uint16_t {
  kStoreEntry = 1,   // a batch from the sequencer
  kSkipEntry = 2,    // everything below `first` is committed; what is missing of it is a hole
  kSealEntry = 3,    // `first`: the tail that the seal counts; payload: the proposal
  kRepairEntry = 4,  // a batch from a sealer
  kTrimEntry = 5,    // `first`: the trim point
  kSettleEntry = 6,  // what the seal counted above the tail was refused: the tail is exact
};

// Positions are offsets of the loglet. Thread rule: none, plain data.
class LogServerState final : public storage::StreamState {
 public:
  // The entries; the shell sets their stream. `known`: see StoreRequest::known_tail.
  static storage::Entry BatchEntry(LogServerEntryType type, const PlacedBatch& placed, Offset known,
                                   SequencerId sequencer);
  static storage::Entry SkipEntry(Offset to, Offset known);
  static storage::Entry SealEntry(Offset tail, const std::string& proposal);
  static storage::Entry TrimEntry(Offset to, Offset known);
  static storage::Entry SettleEntry(Offset tail);
  // The batch of a store or repair entry that was read back. kDataLoss.
  static StatusOr<PlacedBatch> ToBatch(const storage::Entry& entry);

  Status Check(const storage::Entry& entry) const override;
  void Apply(const storage::Entry& entry) override;
  void Damaged(uint64_t lost) override;
  void SkipTo(uint64_t end) override;
  uint64_t trim() const override { return trim_.value(); }
  // The end of what entries cover; durable_tail() may be above.
  uint64_t end() const override { return tail_.value(); }
  std::string Encode() const override;
  Status Decode(std::string_view data) override;

  // Raises the known tail, in memory only: it is told again after a crash.
  void Learn(Offset known) { known_ = std::max(known_, known); }
  // A read found [from, to) unreadable.
  void NoteHole(Offset from, Offset to);

  Offset journal_end() const { return tail_; }
  Offset durable_tail() const { return std::max(tail_, known_); }
  Offset possible_tail() const { return std::max(possible_, durable_tail()); }
  Offset known_tail() const { return known_; }
  Offset trim_point() const { return trim_; }
  // The lowest offset from which on nothing is missing up to durable_tail().
  Offset HoldsFrom() const;
  // The end of what is held without a hole from `from` on; `from` itself if it is not held.
  Offset HeldUntil(Offset from) const;
  // The first offset above `from` that is held; kMaxOffset if there is none.
  Offset NextHeld(Offset from) const;
  bool sealed() const { return sealed_; }
  // The seal is an entry of the journal, not just a consequence of damage.
  bool seal_recorded() const { return seal_recorded_; }
  const std::string& proposal() const { return proposal_; }
  const std::optional<SequencerId>& sequencer() const { return sequencer_; }

  // CHECKs what is said above.
  void CheckInvariants() const;

 private:
  void ApplyBatch(const storage::Entry& entry);
  void ApplyTrim(Offset to);

  Offset trim_;
  Offset tail_;
  Offset known_;
  Offset possible_;
  bool sealed_ = false;
  bool seal_recorded_ = false;
  std::string proposal_;                  // of the first sealer
  std::optional<SequencerId> sequencer_;  // of the first batch
  std::map<Offset, Offset> holes_;        // begin -> end
};

// The durable states of this kind's streams, for the journal; null for other kinds.
std::unique_ptr<storage::StreamState> NewSequencerStreamState(const std::string& kind);

// A loglet's key in the journal, and back; an empty log name if `key` is none.
std::string LogServerStreamKey(const LogletId& id);
LogletId ParseLogServerStreamKey(const std::string& key);

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_LOG_SERVER_STATE_CORE_H_
