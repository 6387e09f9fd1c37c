// Keeps the copies of sealed segments: where servers are gone for long, and where a segment was
// sealed with too few of them, others get what is missing (DESIGN 6.2). A part of the monitor that
// never delays a fail-over.
#ifndef VLOG_VIRTUALLOG_COPY_KEEPER_H_
#define VLOG_VIRTUALLOG_COPY_KEEPER_H_

#include <functional>
#include <string>

#include "async/event.h"
#include "virtuallog/sealed_copies_core.h"
#include "virtuallog/shared_log.h"

namespace vlog::virtuallog {

struct CopyKeeperOptions {
  NodeId self;
  Duration look_every = std::chrono::seconds(1);
  Duration rehome_after = std::chrono::minutes(5);  // see SealedCopies
  loglets::NodesInService spares = {};              // who may take a copy; null: nobody
  std::function<void(const std::string& log, const std::string& what, const Status&)> report;
};

// Thread rule: the Env's executor. Factory and health outlive it.
class CopyKeeper {
 public:
  CopyKeeper(env::Env& env, loglets::LogletFactory& factory, NodeHealth& health,
             CopyKeeperOptions options);
  // Looks after one log until Stop(). Of all logs one segment is moved at a time.
  Task<void> Mind(SharedLog* log);
  void Stop();
  uint64_t moved() const { return moved_; }  // segments

 private:
  Task<void> LookAfter(SharedLog* log, SealedCopies* copies);
  Task<void> Move(SharedLog* log, DueSegment due);
  // Whether the others do not hear them either, and somebody can take a place.
  Task<bool> IsWorthIt(DueSegment due);

  env::Env& env_;
  loglets::LogletFactory& factory_;
  NodeHealth& health_;
  const CopyKeeperOptions options_;
  LivenessOf liveness_;
  bool moving_ = false;
  bool stopping_ = false;
  uint64_t moved_ = 0;
  async::Event stop_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_COPY_KEEPER_H_
