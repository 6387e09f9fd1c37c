// What a local loglet has durably become: a pure state machine over its journal entries.
#ifndef VLOG_LOGLETS_LOCAL_LOCAL_CORE_H_
#define VLOG_LOGLETS_LOCAL_LOCAL_CORE_H_

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "loglets/writers_table.h"
#include "storage/stream_table.h"

namespace vlog::loglets {

inline constexpr char kLocalStreamKind[] = "local";
// Of the stream of tombstones, kind and key.
inline constexpr char kLocalTombstones[] = "local-tombstones";

enum LocalEntryType : uint16_t { kBatchEntry = 1, kSealEntry = 2, kTrimEntry = 3 };

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

// The states of this kind's streams, for the journal.
std::unique_ptr<storage::StreamState> NewLocalStreamState(const std::string& kind);

// A loglet's key in the journal, and back; an empty log name if `key` is none.
std::string StreamKey(const LogletId& id);
LogletId ParseStreamKey(const std::string& key);

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_LOCAL_LOCAL_CORE_H_
