// What a single loglet is: one node, its home, holds the only copy and orders the batches in it.
// This is its pure part: the parameters, and the durable state that the home's journal feeds.
//
//   0 ....... trim point ............. tail
//   trimmed   | in the journal         | accepted by the home, not durable yet
#ifndef OWN_LOGLET_SINGLE_CORE_H_
#define OWN_LOGLET_SINGLE_CORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"
#include "loglets/writers_table.h"
#include "storage/stream_table.h"

namespace single {

inline constexpr char kKindName[] = "single";

// The kinds of this kind's journal streams. All kinds of a node share one journal: no other kind
// may use the same names, nor the same keys.
inline constexpr char kStreamKind[] = "single";
inline constexpr char kTombstones[] = "single-tombstones";

// ---- Parameters ----
// They stand in the chain for ever, and are opaque to everyone but this kind. A node is not enough:
// after its disk was replaced it is another replica, which knows nothing of the loglet.
std::string EncodeParams(const vlog::Replica& home);
vlog::StatusOr<vlog::Replica> DecodeParams(std::string_view params);

// ---- The durable state ----
enum EntryType : uint16_t { kBatchEntry = 1, kSealEntry = 2, kTrimEntry = 3 };

// A state machine over the durable entries of one stream, in journal order. The same code runs
// while the journal runs and when it is recovered, so a restart cannot see anything else.
class State final : public vlog::storage::StreamState {
 public:
  void Apply(const vlog::storage::Entry& entry) override;
  void Damaged(uint64_t lost) override;
  void SkipTo(uint64_t end) override;
  uint64_t trim() const override { return trim_; }
  uint64_t end() const override { return tail_; }
  std::string Encode() const override;
  vlog::Status Decode(std::string_view data) override;

  bool sealed() const { return sealed_; }
  const std::string& proposal() const { return proposal_; }
  const vlog::loglets::WritersTable& writers() const { return writers_; }

 private:
  uint64_t trim_ = 0;
  uint64_t tail_ = 0;
  bool sealed_ = false;
  std::string proposal_;                 // of the first sealer
  vlog::loglets::WritersTable writers_;  // empty once sealed: nobody is acknowledged any more
};

// A loglet's key in the journal, and back; an empty log name if `key` is none.
std::string StreamKey(const vlog::LogletId& id);
vlog::LogletId ParseStreamKey(std::string_view key);

}  // namespace single

#endif  // OWN_LOGLET_SINGLE_CORE_H_
