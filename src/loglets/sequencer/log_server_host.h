// The log servers of one node: all its loglets of the sequencer kind, on its one journal.
#ifndef VLOG_LOGLETS_SEQUENCER_LOG_SERVER_HOST_H_
#define VLOG_LOGLETS_SEQUENCER_LOG_SERVER_HOST_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loglets/host.h"
#include "loglets/sequencer/served_loglet.h"
#include "loglets/tombstones.h"

namespace vlog::loglets::sequencer {

// Of the stream of tombstones, kind and key.
inline constexpr char kTombstones[] = "sequencer-dropped";

// Serves what the journal has, and what it is asked to store from now on. A loglet's object is made
// when it is first asked for.
//
// Thread rule: the Env's executor. What `context` names outlives it; Stop() is awaited before it is
// destroyed (a crash drops all of them).
class LogServerHost {
 public:
  explicit LogServerHost(HostContext context);
  ~LogServerHost();

  void Start();
  // Later requests are refused; those that wait for news are told how it stands.
  Task<void> Stop();
  // As KindHost::Drop().
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to);
  const DeadSegments& dead() const { return tombstones_.dead(); }
  // Those that the journal has.
  std::vector<HostedLoglet> Loglets() const;
  // That are in memory.
  size_t objects() const { return loglets_.size(); }

 private:
  template <typename Request>
  using Verb = void (ServedLoglet::*)(Request, rpc::Responder);
  template <typename Request>
  void Serve(StatusOr<Addressed<Request>> request, Verb<Request> verb, rpc::Responder respond);
  void ServeRead(StatusOr<Addressed<ReadRequest>> request, rpc::Responder respond);
  void ServeWelcome(StatusOr<Addressed<DiskId>> request, rpc::Responder respond);
  void Register(rpc::Method method, rpc::Handler handler);
  std::shared_ptr<ServedLoglet> Find(const LogletId& id, bool new_for_sure);
  void ForgetIfEmpty(const LogletId& id);
  Status Ready() const;
  void DropDead();

  HostContext context_;
  std::shared_ptr<ServingContext> serving_;
  Tombstones tombstones_;
  std::vector<rpc::Method> methods_;
  std::map<LogletId, std::shared_ptr<ServedLoglet>> loglets_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_LOG_SERVER_HOST_H_
