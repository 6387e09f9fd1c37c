// What a replicated loglet is made of, fixed for its whole life: its members and the quorum. Pure;
// opaque bytes to everyone but the kinds that share this folder.
//
//   V = members that vote, W = write quorum, V - W + 1 = election quorum
//
// Invariant: each write quorum shares a voter with each election quorum, so whoever is elected
// learns of everything that a write quorum holds (flexible quorums). Whether elections need more
// than that is the kind's own rule.
#ifndef VLOG_LOGLETS_REPLICATED_PARAMS_H_
#define VLOG_LOGLETS_REPLICATED_PARAMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace vlog::loglets::replicated {

struct Member {
  Replica replica;
  // Which life of its node was asked when the loglet was proposed. What the node stored of it, it
  // stored in this life or a later one.
  Incarnation born;
  bool votes = true;   // counts in quorums
  bool serves = true;  // applies what is decided, serves reads, and may lead
  friend bool operator==(const Member&, const Member&) = default;
};

inline constexpr size_t kMaxMembers = 64;

struct Params {
  std::vector<Member> members;  // by member number: 0 .. N-1
  uint32_t write_quorum = 0;    // W, 1 .. V
  NodeId first_leader;  // a member that serves; it leads at once when the loglet is prepared

  size_t voters() const;
  size_t election_quorum() const { return voters() - write_quorum + 1; }
  // The member's number; none if it is no member.
  std::optional<size_t> Find(const Replica& replica) const;
  std::optional<size_t> Find(NodeId node) const;
  friend bool operator==(const Params&, const Params&) = default;
};

// Valid parameters in which everybody votes and serves; W is the majority unless it is given, and
// the first member leads first. kInvalidArgument says what is wrong.
StatusOr<Params> MakeParams(const std::vector<Replica>& replicas,
                            std::optional<uint32_t> write_quorum = std::nullopt);
// kInvalidArgument: no or too many members, a node twice, a zero id, a member that neither votes
// nor serves, nobody who serves, W outside 1 .. V, a first leader that does not serve.
Status Validate(const Params& params);

std::string EncodeParams(const Params& params);
// kInvalidArgument for another format version or parameters that are not valid, kDataLoss for bytes
// that are none.
StatusOr<Params> DecodeParams(std::string_view data);

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_PARAMS_H_
