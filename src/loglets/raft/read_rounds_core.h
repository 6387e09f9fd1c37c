// Linearizable answers of a leader (Raft 8, thesis 6.4, ReadIndex): a tail, or that an append was
// certainly not stored, is told once a majority has confirmed the leadership in a round that
// started after the call arrived. One round runs, one waits. Pure; part of RaftCore.
#ifndef VLOG_LOGLETS_RAFT_READ_ROUNDS_CORE_H_
#define VLOG_LOGLETS_RAFT_READ_ROUNDS_CORE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "loglets/replicated/replica_core.h"

namespace vlog::loglets::raft {

class ReadRounds {
 public:
  struct Waiter {
    replicated::Token token;
    Status refused;  // of an append: why; OK for a tail check
  };
  // A call arrived; the round that answers it has not started.
  void Add(Waiter waiter) { waiting_.push_back(std::move(waiter)); }
  // Starts a round if somebody waits and none runs. From now on requests carry its number.
  bool Start() {
    if (waiting_.empty() || !running_.empty()) return false;
    running_ = std::exchange(waiting_, {});
    ++round_;
    return true;
  }
  // The newest round that started: a request that is sent now counts for it.
  uint64_t round() const { return round_; }
  // A majority has confirmed requests of this round: whom it answers.
  std::vector<Waiter> Confirmed(uint64_t round) {
    if (running_.empty() || round < round_) return {};
    return std::exchange(running_, {});
  }
  // Nobody is answered any more: who waited.
  std::vector<Waiter> TakeAll() {
    std::vector<Waiter> all = std::exchange(running_, {});
    for (Waiter& waiter : std::exchange(waiting_, {})) all.push_back(std::move(waiter));
    return all;
  }
  bool idle() const { return running_.empty() && waiting_.empty(); }

 private:
  uint64_t round_ = 0;
  std::vector<Waiter> running_;
  std::vector<Waiter> waiting_;
};

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_READ_ROUNDS_CORE_H_
