// What a sequencer loglet is made of, fixed for its whole life: the log servers, the write quorum
// and the one sequencer. Pure; opaque bytes to everyone but this kind.
//
//   N = replicas, W = write quorum, S = N - W + 1 = seal quorum
//
// Invariant: each set of W and each set of S share a server, so S sealed servers leave fewer than W
// that could still acknowledge, and know of everything that W acknowledged (Delos 4.2).
#ifndef VLOG_LOGLETS_SEQUENCER_PARAMS_H_
#define VLOG_LOGLETS_SEQUENCER_PARAMS_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace vlog::loglets::sequencer {

// One life of one process. A node that restarted is another sequencer.
struct SequencerId {
  NodeId node;
  Incarnation incarnation;
  DiskId disk;  // a disk that was wiped counts its node's lives anew
  friend constexpr auto operator<=>(const SequencerId&, const SequencerId&) = default;
};

inline constexpr size_t kMaxReplicas = 64;

struct Params {
  std::vector<Replica> replicas;  // by server number: everything here calls them 0 .. N-1
  uint32_t write_quorum = 0;      // W, 1 .. N
  SequencerId sequencer;

  size_t replica_count() const { return replicas.size(); }
  size_t seal_quorum() const { return replicas.size() - write_quorum + 1; }
  friend bool operator==(const Params&, const Params&) = default;
};

// Valid parameters; W is the majority unless it is given. kInvalidArgument says what is wrong.
StatusOr<Params> MakeParams(std::vector<Replica> replicas, std::optional<uint32_t> write_quorum,
                            SequencerId sequencer);
// kInvalidArgument: no or too many replicas, one twice, a zero id, W outside 1 .. N.
Status Validate(const Params& params);

std::string EncodeParams(const Params& params);
// kInvalidArgument for another format version or parameters that are not valid, kDataLoss for bytes
// that are none.
StatusOr<Params> DecodeParams(std::string_view data);

// The n-th largest of `tails`, n from 1. REQUIRES: 1 <= n <= tails.size().
Offset NthLargest(std::vector<Offset> tails, size_t n);

// What m answers of unsealed servers say about the committed tail.
struct CommittedBounds {
  Offset proven;    // everything below is stored on W servers
  Offset possible;  // nothing at or above can be: too few servers may hold it
};
// REQUIRES: max(W, S) <= tails.size() <= N.
CommittedBounds BoundsOf(const std::vector<Offset>& tails, size_t replicas, size_t write_quorum);

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_PARAMS_H_
