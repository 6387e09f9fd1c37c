// Which loglets of the sequencer kind this node has deleted, for good: a floor of segment indexes a
// log, and the few dropped loglets at or above it. One journal stream for all of them.
//
// Invariant: once a loglet is gone it stays gone; every verb for it answers "gone", which means
// sealed, and nothing ever creates it again (FAULTS race 32).
#ifndef VLOG_LOGLETS_SEQUENCER_TOMBSTONE_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_TOMBSTONE_CORE_H_

#include <map>
#include <set>
#include <string>

#include "base/ids.h"
#include "storage/stream_table.h"

namespace vlog::loglets::sequencer {

inline constexpr char kTombstoneStreamKind[] = "sequencer-tombstones";
inline constexpr char kTombstoneStreamKey[] = "sequencer-tombstones";

class TombstoneState final : public storage::StreamState {
 public:
  // The entries; the shell sets their stream. Both are control entries, durable before the loglets'
  // own streams are dropped: after a crash in between those are dropped again.
  static storage::Entry FloorEntry(const std::string& log, SegmentIndex floor);
  static storage::Entry DropEntry(const LogletId& id);

  // To be asked before any loglet is looked up or created, and again after each wait.
  bool Gone(const LogletId& id) const;
  SegmentIndex FloorOf(const std::string& log) const;
  size_t dropped_count() const { return dropped_.size(); }

  void Apply(const storage::Entry& entry) override;
  void Damaged(uint64_t) override {}
  void SkipTo(uint64_t) override {}
  uint64_t trim() const override { return 0; }
  uint64_t end() const override { return 0; }
  std::string Encode() const override;
  Status Decode(std::string_view data) override;

 private:
  std::map<std::string, SegmentIndex> floors_;
  std::set<LogletId> dropped_;  // all at or above the floor of their log
};

// May a node delete a loglet? Only on seeing a chain newer than the version that the loglet was
// proposed against, which neither holds nor intends it: an older one says nothing about it.
struct ChainView {
  Version version;
  bool holds = false;    // the loglet is one of its segments
  bool intends = false;  // it is the successor of its intent
};
bool MayDrop(const ChainView& chain, Version proposed_against);

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_TOMBSTONE_CORE_H_
