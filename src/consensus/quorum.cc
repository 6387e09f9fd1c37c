#include "consensus/quorum.h"

#include <algorithm>
#include <functional>

#include "base/check.h"

namespace vlog::consensus {

size_t Majority(size_t n) {
  VLOG_CHECK(n > 0, "nobody has no majority");
  return n / 2 + 1;
}

Quorums Quorums::OfMajority(size_t n) { return {n, Majority(n), Majority(n)}; }

Quorums Quorums::OfWrite(size_t n, size_t write) {
  VLOG_CHECK(write >= 1 && write <= n, "a write quorum is one of the servers at least");
  return {n, write, n - write + 1};
}

bool Quorums::valid() const {
  return write >= 1 && write <= n && read >= 1 && read <= n && Intersect(n, write, read);
}

std::optional<uint64_t> HighestReachedBy(std::vector<uint64_t> values, size_t count) {
  VLOG_CHECK(count > 0, "a quorum is not empty");
  if (values.size() < count) return std::nullopt;
  auto nth = values.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(values.begin(), nth, values.end(), std::greater<>());
  return *nth;
}

bool VoteSet::Add(const Replica& replica) {
  return IsMember(replica) && votes_.insert(replica).second;
}

}  // namespace vlog::consensus
