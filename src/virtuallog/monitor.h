// Watches over all logs of a metastore and lets another loglet follow where one can take no more
// appends, without being asked (DESIGN 5.4). Every node runs one; that they see different halves of
// the cluster costs time, never safety: the chain's compare-and-set picks who was right. A loglet
// that elects its leaders itself is left alone while it can go on, and gets another member when one
// is gone for long.
#ifndef VLOG_VIRTUALLOG_MONITOR_H_
#define VLOG_VIRTUALLOG_MONITOR_H_

#include <functional>
#include <set>
#include <string>

#include "async/task_group.h"
#include "virtuallog/copy_keeper.h"
#include "virtuallog/monitor_core.h"
#include "virtuallog/shared_log.h"

namespace vlog::virtuallog {

struct MonitorOptions {
  NodeId self;  // this node, for its turn among the monitors
  Duration find_every = std::chrono::milliseconds(250);  // new logs
  Duration look_every = std::chrono::milliseconds(100);  // at the latest
  // After an attempt that failed; doubles up to the longest, with jitter.
  Duration min_backoff = std::chrono::milliseconds(100);
  Duration max_backoff = std::chrono::seconds(2);
  // A member of a loglet that goes on without it, because it elects its leaders itself, is replaced
  // once it has been away for so long and somebody can take its place (Absences). Loglets that
  // cannot elect are helped at once, and only when they need it.
  Duration replace_after = std::chrono::seconds(10);
  // A sealed segment's server that has been away for so long is replaced as well; its records are
  // copied. A segment that was sealed with too few of them gets what is missing at once.
  Duration rehome_after = std::chrono::minutes(5);
  Duration rehome_look_every = std::chrono::seconds(1);
  // Who may take the place; null: nobody.
  loglets::NodesInService spares = {};
  // What it did, for the node's log, and what it could not do. May be null.
  std::function<void(const std::string& log, const std::string& what, const Status&)> report;
};

// Thread rule: the Env's executor. Metastore, factory and health outlive it; Stop() is awaited
// before it is destroyed.
class Monitor {
 public:
  Monitor(env::Env& env, metastore::Metastore& metastore, loglets::LogletFactory& factory,
          NodeHealth& health, MonitorOptions options);
  void Start() { tasks_.Spawn(FindLogs()); }
  Task<void> Stop();

  // That this monitor brought about; what others did does not count.
  uint64_t fail_overs() const { return fail_overs_; }
  uint64_t replacements() const { return replacements_; }
  uint64_t moved_segments() const { return keeper_.moved(); }

 private:
  // One log under watch.
  struct Watched {
    std::unique_ptr<SharedLog> log;
    // While nobody shares a suspicion: how long until the others are asked again; 0: none.
    Duration doubt{0};
    Absences absences;
    // When it is looked next whether there is somebody to replace a member that is gone.
    Instant replace_at = Instant();
  };
  Task<void> FindLogs();
  Task<void> Watch(std::string log);
  // One look at a log; OK if it fares well or was helped.
  Task<Status> LookAfter(Watched* watched);
  Task<Status> FailOver(SharedLog* log, SegmentIndex broken, Diagnosis diagnosis);
  // Restores the copies of a loglet whose members are gone for too long.
  Task<Status> ReplaceMembers(Watched* watched, loglets::Needs needs);
  // Who is in service, by a word that may be a little old.
  Task<StatusOr<std::vector<NodeId>>> LikelySpares();
  // Of the suspects among `gone` only those that the others do not hear either.
  Task<std::vector<loglets::NodeLife>> ConfirmGone(loglets::Needs needs,
                                                   std::vector<loglets::NodeLife> gone);
  // Waits until the turn to act on `diagnosis`, with the pause that it is due; returns what is the
  // case then. Alive: there is nothing to do any more.
  Task<Diagnosis> AwaitTurn(SharedLog* log, loglets::Needs needs, Diagnosis diagnosis);
  // Asks the others about a suspicion. Alive: they do not share it, and some time has passed.
  Task<Diagnosis> Confirm(Watched* watched, loglets::Needs needs, Diagnosis diagnosis);
  // Waits until `until`, or less long if the log's state becomes another one. What it is then.
  Task<Diagnosis> Linger(SharedLog* log, loglets::Needs needs, Diagnosis diagnosis, Instant until);
  StatusOr<loglets::Needs> NeedsOf(const Chain& chain) const;
  // Waits, but not beyond Stop().
  Task<void> Pause(Duration duration);

  env::Env& env_;
  metastore::Metastore& metastore_;
  loglets::LogletFactory& factory_;
  NodeHealth& health_;
  const MonitorOptions options_;
  LivenessOf liveness_;
  CopyKeeper keeper_;
  std::set<std::string> watched_;
  std::vector<NodeId> likely_spares_;
  Instant spares_until_ = Instant();  // when they are asked for again
  uint64_t fail_overs_ = 0;
  uint64_t replacements_ = 0;
  bool stopping_ = false;
  async::Event stop_;
  async::TaskGroup tasks_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_MONITOR_H_
