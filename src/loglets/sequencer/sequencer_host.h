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
#include "loglets/sequencer/seal_run.h"
#include "loglets/sequencer/sequencer_life.h"
#include "loglets/sequencer/sequencer_lives_core.h"

namespace vlog::loglets::sequencer {

// Makes the sequencer of a loglet when it is first asked for, at most once in this process' life
// (FAULTS races 7, 33). A request for one that is gone, or that was another process', is answered
// kAborted: dead. One that has stopped gives its batches back at once, itself after a while; what
// stays is its id. If it stopped by itself, it has the seal finished (DESIGN 6.2).
//
// Memory, of batches: a sequencer keeps at most
//   max_waiting_bytes  that wait for an offset or for W log servers, and one batch; beyond that
//                      appends are refused with kResourceExhausted, certainly not stored, and
//                      clients send them again later
//   max_kept_bytes     committed, for slow log servers
// All that waits is unanswered as well: of all sequencers and log servers of a node together no
// more waits than rpc::ServerLimits::max_total_bytes; beyond, its connections are not read. A node
// with n running sequencers thus keeps n * max_kept_bytes + max_total_bytes. A log server keeps
// nothing once its journal has it; before that, FlowOptions::window_bytes and one request for each
// of its loglets.
//
// Thread rule: the Env's executor. What `context` names outlives it; Stop() is awaited before it is
// destroyed (a crash drops all of them).
class SequencerHost final : public SequencerOwner {
 public:
  // `dead`: what this node has dropped; outlives the host.
  SequencerHost(HostContext context, std::function<const DeadSegments&()> dead,
                SequencerOptions options = {}, SequencerTiming timing = {});
  ~SequencerHost() override;

  void Start();
  // Takes nothing more, answers what has arrived or gives it up after a bound.
  Task<void> Stop();
  // After the drop was made durable.
  void Forget(const std::string& log, SegmentIndex from, SegmentIndex to);
  std::vector<HostedLoglet> Loglets() const;
  // Null if there is none any more, or none yet.
  std::shared_ptr<const SequencerLife> Find(const LogletId& id) const;

 private:
  void Append(rpc::Request in, rpc::Responder respond);
  void HandOver(rpc::Request in, rpc::Responder respond);
  void Prepare(rpc::Request in, rpc::Responder respond);
  void Reach(rpc::Request in, rpc::Responder respond);
  static Task<void> AnswerPrepare(std::shared_ptr<SequencerLife> life, rpc::Responder respond);
  Task<void> AnswerReach(Params params, rpc::Responder respond);
  void SealWanted(const LogletId& id) override;
  void Over(const LogletId& id) override;
  Task<void> FinishSeal(LogletId id, Params params);
  StatusOr<std::shared_ptr<SequencerLife>> Get(const SequencerRequest& request);

  HostContext context_;
  std::function<const DeadSegments&()> dead_;
  const SequencerOptions options_;
  const SequencerTiming timing_;
  SequencerLives lives_;
  std::map<LogletId, std::shared_ptr<SequencerLife>> sequencers_;
  std::map<LogletId, std::shared_ptr<SealRun>> seals_;
  async::TaskGroup tasks_;
  async::Event closed_;
  bool started_ = false;
  bool closing_ = false;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_HOST_H_
