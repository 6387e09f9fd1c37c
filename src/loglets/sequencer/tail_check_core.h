// One round of a linearizable tail check, asked of the log servers alone (DESIGN 6.2).
//
//   m answers of unsealed servers, m >= max(W, S):
//   C = the W-th largest durable tail          everything below C is committed
//   U = the (W-(N-m))-th largest durable tail  nothing at or above U can be
//   C >= U: C is the answer. Else wait for the servers' notices: answers only grow.
//
// Rules: one sealed server ends the round (help to seal); the tail of a sealed server is never
// proof (FAULTS race 43); every answer is to a question of this round (race 44); the sequencer's
// own committed tail is never mixed in. Past a bound somebody must reconfigure (race 10).
//
// Pure; one object a round.
#ifndef VLOG_LOGLETS_SEQUENCER_TAIL_CHECK_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_TAIL_CHECK_CORE_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "loglets/sequencer/messages.h"

namespace vlog::loglets::sequencer {

struct TailCheckOptions {
  Duration bound = std::chrono::seconds(1);          // then kUnavailable: reconfigure
  Duration resend = std::chrono::milliseconds(100);  // questions or notices get lost
};

class TailCheckCore {
 public:
  // Asks all servers at once.
  TailCheckCore(Params params, TailCheckOptions options, Instant now);

  struct Ask {
    size_t server;
    TailRequest request;
  };
  std::vector<Ask> TakeOutput() { return std::exchange(output_, {}); }

  // An answer to a question of this round. REQUIRES: to none of another round.
  void OnWord(size_t server, const ServerWord& word, Instant now);
  void Tick(Instant now);
  Instant next_tick() const { return done_ ? Instant::Max() : std::min(deadline_, resend_at_); }

  struct Answer {
    Offset tail;
    bool sealed = false;  // then `tail` is no answer: help to seal, or refresh the chain
  };
  // Set once the round is over: OK, or kUnavailable: too few servers answer, or they never agree,
  // for the sequencer is dead.
  const std::optional<StatusOr<Answer>>& result() const { return done_; }

 private:
  void AskAll();
  void AskForNotice(size_t server);
  void Judge();

  const Params params_;
  const TailCheckOptions options_;
  std::vector<std::optional<Offset>> tails_;  // of unsealed servers, as told in this round
  std::vector<bool> lost_;                    // other disks
  Instant deadline_;
  Instant resend_at_;
  std::optional<StatusOr<Answer>> done_;
  std::vector<Ask> output_;
};

// Who joins which round: a call joins only a round that starts after it; one runs, one waits.
// Rounds are numbered from 1.
class RoundJoinCore {
 public:
  // The round whose answer this call takes. If it is to be started now, `start` is set.
  struct Joined {
    uint64_t round;
    bool start;
  };
  Joined Join() {
    if (!running_) {
      running_ = true;
      return {++current_, true};
    }
    next_wanted_ = true;
    return {current_ + 1, false};
  }
  // The running round is over. Returns the number of the round to start now, if calls wait for one.
  std::optional<uint64_t> Finished() {
    running_ = std::exchange(next_wanted_, false);
    if (!running_) return std::nullopt;
    return ++current_;
  }
  bool running() const { return running_; }

 private:
  uint64_t current_ = 0;  // the last that was started
  bool running_ = false;
  bool next_wanted_ = false;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_TAIL_CHECK_CORE_H_
