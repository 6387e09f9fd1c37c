// The sequencers of one process.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_HOST_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_HOST_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "loglets/dead_segments.h"
#include "loglets/host.h"
#include "loglets/sequencer/sequencer_life.h"
#include "loglets/sequencer/sequencer_lives_core.h"

namespace vlog::loglets::sequencer {

// Makes the sequencer of a loglet when it is first asked for, at most once in this process' life
// (FAULTS races 7, 33). A request for one that is gone, or that was another process', is answered
// kAborted: dead.
//
// Thread rule: the Env's executor. What `context` names outlives it; Stop() is awaited before it is
// destroyed (a crash drops all of them).
class SequencerHost {
 public:
  // `dead`: what this node has dropped; outlives the host.
  SequencerHost(HostContext context, std::function<const DeadSegments&()> dead,
                SequencerOptions options = {}, SequencerTiming timing = {});
  ~SequencerHost();

  void Start();
  // Takes nothing more, answers what has arrived or gives it up after a bound.
  Task<void> Stop();
  // After the drop was made durable.
  void Forget(const std::string& log, SegmentIndex from, SegmentIndex to);
  std::vector<HostedLoglet> Loglets() const;
  // Null if there is none (any more).
  std::shared_ptr<const SequencerLife> Find(const LogletId& id) const;

 private:
  void Append(rpc::Request in, rpc::Responder respond);
  void HandOver(rpc::Request in, rpc::Responder respond);
  void Prepare(rpc::Request in, rpc::Responder respond);
  static Task<void> AnswerPrepare(std::shared_ptr<SequencerLife> life, rpc::Responder respond);
  StatusOr<std::shared_ptr<SequencerLife>> Get(const SequencerRequest& request);

  HostContext context_;
  std::function<const DeadSegments&()> dead_;
  const SequencerOptions options_;
  const SequencerTiming timing_;
  SequencerLives lives_;
  std::map<LogletId, std::shared_ptr<SequencerLife>> sequencers_;
  async::TaskGroup tasks_;
  bool started_ = false;
  bool closing_ = false;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_HOST_H_
