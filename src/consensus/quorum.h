// Quorum arithmetic: which counts of N answers prove what. Pure.
#ifndef VLOG_CONSENSUS_QUORUM_H_
#define VLOG_CONSENSUS_QUORUM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.h"

namespace vlog::consensus {

// The least number that is more than half of `n`. REQUIRES: n > 0.
size_t Majority(size_t n);

// Any `a` and any `b` of `n` have a member in common.
constexpr bool Intersect(size_t n, size_t a, size_t b) { return a + b > n; }

// Flexible quorums (Flexible Paxos): only a read and a write quorum must meet. What a write quorum
// stored, every read quorum sees; phase 1, seals and queries need `read`, phase 2 needs `write`.
struct Quorums {
  size_t n = 0;
  size_t write = 0;
  size_t read = 0;

  static Quorums OfMajority(size_t n);
  // REQUIRES: 1 <= write <= n. The read quorum is the least that meets it, n - write + 1.
  static Quorums OfWrite(size_t n, size_t write);
  // Two writes of different ballots never meet unseen. Two phase 1 quorums need not meet.
  bool valid() const;
  // After so many refusals no quorum of `needed` can come together any more.
  bool impossible(size_t refused, size_t needed) const { return refused + needed > n; }
};

// The highest value that at least `count` of `values` reach: what is stored up to it is on `count`
// servers. None if there are fewer than `count` values. REQUIRES: count > 0. For a Raft commit
// index, count = Majority(voters); for a tail, the write quorum.
std::optional<uint64_t> HighestReachedBy(std::vector<uint64_t> values, size_t count);

// Who said yes; a second word of the same replica counts once. Only members count.
class VoteSet {
 public:
  explicit VoteSet(std::vector<Replica> members) : members_(members.begin(), members.end()) {}
  // False if the replica is no member or has voted already.
  bool Add(const Replica& replica);
  size_t count() const { return votes_.size(); }
  bool Has(const Replica& replica) const { return votes_.contains(replica); }
  bool IsMember(const Replica& replica) const { return members_.contains(replica); }
  const std::set<Replica>& members() const { return members_; }
  void Clear() { votes_.clear(); }

 private:
  std::set<Replica> members_;
  std::set<Replica> votes_;
};

}  // namespace vlog::consensus

#endif  // VLOG_CONSENSUS_QUORUM_H_
