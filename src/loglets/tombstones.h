// What a kind of loglet deleted on one node, for good: one stream of the node's journal, and the
// ranges of segments that it holds.
//
// Invariant: what is dropped stays dropped. Every verb for it answers "gone", which means sealed,
// and nothing ever makes it again (FAULTS race 32). A tombstone is durable before the loglets' own
// streams are dropped: after a crash in between those are dropped again.
#ifndef VLOG_LOGLETS_TOMBSTONES_H_
#define VLOG_LOGLETS_TOMBSTONES_H_

#include <memory>
#include <string>

#include "loglets/dead_segments.h"
#include "storage/journal.h"

namespace vlog::loglets {

// The stream's durable state. Pure.
class TombstoneState final : public storage::StreamState {
 public:
  // Without its stream.
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

// Thread rule: the Env's executor. The journal outlives it.
class Tombstones {
 public:
  // `name`: the kind and the key of the stream, the kind's own. The journal's StateFactory makes a
  // TombstoneState for it.
  Tombstones(storage::Journal& journal, std::string name);

  // To be asked before any loglet is looked up or made, and again after each wait.
  const DeadSegments& dead() const;
  // Idempotent; OK when it is durable. Errors as the journal's.
  Task<Status> Add(std::string log, SegmentIndex from, SegmentIndex to);

 private:
  storage::Journal& journal_;
  const std::string name_;
  // On its way or there; 0: neither. Shared with the journal's answer, which may come later.
  std::shared_ptr<storage::StreamId> stream_;
};

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_TOMBSTONES_H_
