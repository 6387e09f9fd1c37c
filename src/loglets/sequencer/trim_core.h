// What a trim came to: the highest point that W servers hold (DESIGN 4.1).
//
// Invariant: the point only grows; a trim that fewer than W servers took is not told. Pure; one
// object a handle, for the trim point is a register that only grows.
#ifndef VLOG_LOGLETS_SEQUENCER_TRIM_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_TRIM_CORE_H_

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "loglets/sequencer/messages.h"

namespace vlog::loglets::sequencer {

class TrimCore {
 public:
  explicit TrimCore(Params params) : params_(std::move(params)), points_(params_.replica_count()) {}

  // The request for server `server`. REQUIRES: to <= known_tail, a committed tail that the caller
  // learnt: who does not know the tail learns it first, for unknown is not empty (FAULTS race 13).
  TrimRequest RequestFor(size_t server, Offset to, Offset known_tail) const {
    VLOG_CHECK(to <= known_tail, "only what is committed is trimmed");
    return {params_.replicas[server].disk, to, known_tail};
  }
  // What the server said, in any answer.
  void OnWord(size_t server, const ServerWord& word) {
    bool speaks = word.code != ServerCode::kGone && word.code != ServerCode::kWrongDisk;
    if (speaks) points_[server] = std::max(points_[server], word.trim);
  }
  // The trim point in force: durable on W servers.
  Offset effective() const { return NthLargest(points_, params_.write_quorum); }
  // A trim to `to` is done.
  bool Holds(Offset to) const { return effective() >= to; }
  // The highest point that any server holds: a handle that saw a record trimmed there shows nothing
  // below it any more.
  Offset highest() const { return NthLargest(points_, 1); }

 private:
  const Params params_;
  std::vector<Offset> points_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_TRIM_CORE_H_
