// The linearizable tail checks of one handle: rounds of TailCheckCore over rpc, one at a time.
#ifndef VLOG_LOGLETS_SEQUENCER_TAIL_ROUNDS_H_
#define VLOG_LOGLETS_SEQUENCER_TAIL_ROUNDS_H_

#include <memory>
#include <optional>

#include "loglets/loglet.h"
#include "loglets/sequencer/loglet_client.h"

namespace vlog::loglets::sequencer {

// A call joins only a round that starts after it (FAULTS race 44).
//
// Thread rule: the Env's executor.
class TailRounds : public std::enable_shared_from_this<TailRounds> {
 public:
  explicit TailRounds(std::shared_ptr<LogletClient> client)
      : client_(std::move(client)), over_(client_->env.scheduler()) {}

  // As Loglet::CheckTail().
  static Task<StatusOr<Tail>> Check(std::shared_ptr<TailRounds> self);

 private:
  void Begin(uint64_t round);
  void Pump();
  void Finish();

  std::shared_ptr<LogletClient> client_;
  RoundJoinCore joins_;
  uint64_t round_ = 0;  // the one that runs, or was last
  std::optional<TailCheckCore> core_;
  uint64_t finished_ = 0;
  StatusOr<TailCheckCore::Answer> last_;  // of round finished_
  async::Event over_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_TAIL_ROUNDS_H_
