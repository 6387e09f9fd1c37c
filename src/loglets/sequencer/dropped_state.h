// Which loglets of the sequencer kind this node has deleted, for good. One journal stream for all.
//
// Invariant: what is dropped stays dropped; every verb for it answers "gone", which means sealed,
// and nothing ever creates it again (FAULTS race 32).
#ifndef VLOG_LOGLETS_SEQUENCER_DROPPED_STATE_H_
#define VLOG_LOGLETS_SEQUENCER_DROPPED_STATE_H_

#include <string>

#include "loglets/dead_segments.h"
#include "storage/stream_table.h"

namespace vlog::loglets::sequencer {

inline constexpr char kDroppedStreamKind[] = "sequencer-dropped";
inline constexpr char kDroppedStreamKey[] = "sequencer-dropped";

// Pure.
class DroppedState final : public storage::StreamState {
 public:
  // Without its stream; a control entry, durable before the loglets' own streams are dropped.
  static storage::Entry DropEntry(const std::string& log, SegmentIndex from, SegmentIndex to);

  const DeadSegments& dead() const { return dead_; }

  void Apply(const storage::Entry& entry) override;
  void Damaged(uint64_t) override {}
  void SkipTo(uint64_t) override {}
  uint64_t trim() const override { return 0; }
  uint64_t end() const override { return 0; }
  std::string Encode() const override { return dead_.Encode(); }
  Status Decode(std::string_view data) override;

 private:
  DeadSegments dead_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_DROPPED_STATE_H_
