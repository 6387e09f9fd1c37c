#ifndef VLOG_LOGLETS_RAFT_RAFT_CORE_H_
#define VLOG_LOGLETS_RAFT_RAFT_CORE_H_

#include "base/ids.h"

namespace vlog::loglets {

// Knows no Task and calls no clock; TakeTask( and KnowNow are other words.
class RaftCore {
 public:
  void Step(Message message, Instant now);
  SubTask<int> x;
  bool IsNow(Instant now) const { return now == last_now_; }
};

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_RAFT_RAFT_CORE_H_
