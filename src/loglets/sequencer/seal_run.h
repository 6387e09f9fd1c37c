// One seal by a client: SealCore over rpc.
#ifndef VLOG_LOGLETS_SEQUENCER_SEAL_RUN_H_
#define VLOG_LOGLETS_SEQUENCER_SEAL_RUN_H_

#include <memory>
#include <string>

#include "loglets/sequencer/loglet_client.h"

namespace vlog::loglets::sequencer {

// Thread rule: the Env's executor. One object a seal.
class SealRun : public std::enable_shared_from_this<SealRun> {
 public:
  SealRun(std::shared_ptr<LogletClient> client, std::string proposal)
      : client_(std::move(client)),
        core_(client_->params, client_->timing.seal, std::move(proposal), true, client_->Now()),
        moved_(client_->env.scheduler()) {}

  // Errors as SealCore::result(), and kCancelled: stopping, the loglet may be sealed.
  static Task<StatusOr<SealResult>> Run(std::shared_ptr<SealRun> self);
  // Ends Run() soon, with kCancelled.
  void Stop();

 private:
  void Pump();
  void AskSequencer();
  void Send(SealCore::Seal seal);
  void Send(RepairCore::Write write, Attempt attempt);
  void Send(RepairCore::Read read, Attempt attempt);
  void Moved();

  std::shared_ptr<LogletClient> client_;
  SealCore core_;
  async::Event moved_;
  bool stopped_ = false;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEAL_RUN_H_
