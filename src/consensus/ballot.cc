#include "consensus/ballot.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::consensus {

std::string ToString(const Ballot& ballot) {
  if (ballot.none()) return "none";
  return std::to_string(ballot.round) + "." + std::to_string(ballot.node.value()) + "." +
         std::to_string(ballot.incarnation.value());
}

void PutBallot(std::string* out, const Ballot& ballot) {
  PutFixed(out, ballot.round);
  PutFixed(out, ballot.node.value());
  PutFixed(out, ballot.incarnation.value());
}

Ballot GetBallot(Decoder& in) {
  Ballot ballot;
  ballot.round = in.Fixed<uint64_t>();
  ballot.node = NodeId(in.Fixed<uint64_t>());
  ballot.incarnation = Incarnation(in.Fixed<uint64_t>());
  return ballot;
}

Ballot BallotMaker::Next(const Ballot& seen) {
  last_round_ = std::max(last_round_, seen.round);
  VLOG_CHECK(last_round_ < UINT64_MAX, "rounds do not wrap around");
  ++last_round_;
  return {last_round_, node_, incarnation_};
}

}  // namespace vlog::consensus
