// What a local loglet has durably become: a pure state machine over its journal entries.
#ifndef VLOG_LOGLETS_LOCAL_LOCAL_CORE_H_
#define VLOG_LOGLETS_LOCAL_LOCAL_CORE_H_

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "loglets/dead_segments.h"
#include "loglets/writers_table.h"
#include "storage/stream_table.h"

namespace vlog::loglets {

inline constexpr char kLocalStreamKind[] = "local";
inline constexpr char kTombstoneStreamKind[] = "local-tombstones";
inline constexpr char kTombstoneStreamKey[] = "local-tombstones";

enum LocalEntryType : uint16_t { kBatchEntry = 1, kSealEntry = 2, kTrimEntry = 3, kDropEntry = 4 };

// Positions are offsets of the loglet.
class LocalState final : public storage::StreamState {
 public:
  void Apply(const storage::Entry& entry) override;
  void Damaged(uint64_t lost) override;
  void SkipTo(uint64_t end) override;
  uint64_t trim() const override { return trim_; }
  uint64_t end() const override { return tail_; }
  std::string Encode() const override;
  Status Decode(std::string_view data) override;

  bool sealed() const { return sealed_; }
  const std::string& proposal() const { return proposal_; }
  const WritersTable& writers() const { return writers_; }

 private:
  uint64_t trim_ = 0;
  uint64_t tail_ = 0;
  bool sealed_ = false;
  std::string proposal_;  // of the first sealer
  WritersTable writers_;  // empty once sealed: a sealed loglet never acknowledges a writer
};

// What was dropped: no loglet of a dead segment exists or is ever made again.
class TombstoneState final : public storage::StreamState {
 public:
  static storage::Entry DropEntry(storage::StreamId stream, const std::string& log,
                                  SegmentIndex from, SegmentIndex to);
  void Apply(const storage::Entry& entry) override;
  void Damaged(uint64_t) override {}
  void SkipTo(uint64_t) override {}
  uint64_t trim() const override { return 0; }
  uint64_t end() const override { return 0; }
  std::string Encode() const override;
  Status Decode(std::string_view data) override;
  const DeadSegments& dead() const { return dead_; }

 private:
  DeadSegments dead_;
};

// The states of this kind's streams, for the journal.
std::unique_ptr<storage::StreamState> NewLocalStreamState(const std::string& kind);

// A loglet's key in the journal, and back; an empty log name if `key` is none.
std::string StreamKey(const LogletId& id);
LogletId ParseStreamKey(const std::string& key);

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_LOCAL_LOCAL_CORE_H_
