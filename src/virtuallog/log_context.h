// What all handles of one log in one process share: the newest chain that this process knows and
// the loglets that it has open.
#ifndef VLOG_VIRTUALLOG_LOG_CONTEXT_H_
#define VLOG_VIRTUALLOG_LOG_CONTEXT_H_

#include <map>
#include <memory>
#include <set>
#include <string>

#include "async/event.h"
#include "async/task_group.h"
#include "env/env.h"
#include "loglets/factory.h"
#include "metastore/metastore.h"
#include "virtuallog/chain.h"
#include "virtuallog/segment_loglet.h"

namespace vlog::virtuallog {

// Thread rule: the Env's executor. Env, metastore and factory outlive it.
class LogContext {
 public:
  LogContext(env::Env& env, metastore::Metastore& metastore, loglets::LogletFactory& factory,
             std::string log, bool read_only);

  env::Env& env() { return env_; }
  loglets::LogletFactory& factory() { return factory_; }
  const std::string& log() const { return log_; }
  bool read_only() const { return read_only_; }

  // The newest chain that was learnt. Whoever awaits something takes it again afterwards.
  std::shared_ptr<const Chain> chain() const { return chain_; }
  // Its version. While there is none: of a register that was moved before anything was written.
  Version version() const { return version_; }

  // Reads the register. kNotFound: nothing was ever written. kUnavailable, kDataLoss.
  Task<Status> Refresh();
  // The same in the background, at most once at a time. Whoever got no answer where the chain says
  // that it should get one calls this (DESIGN 5.3).
  void RefreshSoon();
  // The same, and waits for it, but no longer than `bound`.
  Task<void> RefreshWithin(Duration bound);
  // From now on every change of the chain is learnt as soon as the register tells of it.
  void WatchSoon();
  bool watching() const { return watching_; }
  // Writes `next` if the chain is still at `expected`; OK only if it is now in force. A write whose
  // reply was lost is proposed again until it is decided. kAborted: another won; refresh.
  Task<Status> CompareAndSet(Version expected, Chain next);
  // Prepares the metastore for a compare-and-set on the newest known version; see Metastore.
  Task<Status> Reserve() { return metastore_.Reserve(log_, version_); }
  // Waits until a chain newer than `known` was learnt, here or by others. kDeadlineExceeded.
  Task<Status> AwaitChange(Version known, Instant deadline);

  LogletId IdOf(const Segment& segment) const { return {log_, segment.index, segment.made.id}; }
  // The loglet of a segment, one object for all who ask. REQUIRES: no marker.
  Task<StatusOr<std::shared_ptr<loglets::Loglet>>> Open(Segment segment);
  // Lets the kinds delete what the chain passes over: what was truncated and what was replaced
  // while it was empty.
  Task<Status> DropDead();

  // Tasks that end when the log is closed, or soon after.
  async::TaskGroup& tasks() { return tasks_; }
  // Stops the watch on the register.
  Task<void> Close();

 private:
  void CloseUnused();
  void Learn(Version version, std::shared_ptr<const Chain> chain);
  Status LearnValue(const metastore::Versioned& read);
  Task<void> Watch();
  Task<void> RefreshOnce();

  env::Env& env_;
  metastore::Metastore& metastore_;
  loglets::LogletFactory& factory_;
  std::string log_;
  bool read_only_;
  Version version_;
  std::shared_ptr<const Chain> chain_;
  std::map<LogletId, std::shared_ptr<SegmentLoglet>> open_;
  std::set<LogletId> opening_;
  bool closing_ = false;
  bool watching_ = false;
  bool refreshing_ = false;
  async::Event changed_;
  async::Event done_;  // an opening or a refresh has ended
  async::TaskGroup tasks_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_LOG_CONTEXT_H_
