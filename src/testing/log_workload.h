// Clients of one log in one simulated process: writers, readers, tail checks, trims, swaps, all at
// random and all written down.
#ifndef VLOG_TESTING_LOG_WORKLOAD_H_
#define VLOG_TESTING_LOG_WORKLOAD_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/task_group.h"
#include "testing/history_recorder.h"
#include "virtuallog/shared_log.h"

namespace vlog::testing {

struct WorkloadOptions {
  int writers = 3;
  int readers = 2;
  bool trims = true;
  bool swaps = true;
  // The handle of all trims: where a trim point is told only when it is durable everywhere, the
  // same name in every life makes the checker see one that falls.
  std::string trim_handle;
  uint64_t max_outstanding = 40;                  // appends of one writer
  uint64_t max_burst = 8;                         // appends at once
  uint64_t record_bytes = 0;                      // of each record; 0: many lengths
  Duration pause = std::chrono::milliseconds(3);  // longest between two operations of a client
  int pauses_between_swaps = 4;
  std::vector<std::string> kinds = {""};  // swaps go to one of these
  uint64_t nodes = 0;  // swaps wish for sequencers and quorums on nodes 1 to `nodes`; 0: for none
  bool any_nodes = false;  // and for fewer nodes than there are
};

struct WorkloadCounts {
  uint64_t acked = 0;
  uint64_t swaps_under_load = 0;  // that took effect, and appends were open at some time meanwhile
  // Those that stand in the chain right behind the segment that they sealed, by the two kinds.
  std::map<std::pair<std::string, std::string>, uint64_t> swaps_by_kinds;
};

// Thread rule: the process' executor. Log and recorder outlive it.
class LogWorkload {
 public:
  // `life` makes the names of the handles unique for ever.
  LogWorkload(env::Env& env, env::SimWorld& world, virtuallog::SharedLog& log,
              HistoryRecorder& history, std::string life, WorkloadOptions options,
              WorkloadCounts& counts);

  void Start();
  // So many swaps more, at once, each with another wish.
  void SwapAtOnce(int swaps);
  // Lets every client finish what it began.
  Task<void> Stop();
  // A tail check, a read of everything, an append and a swap, all of which must succeed.
  Task<Status> FinalCheck();

 private:
  Task<void> Write(int number);
  Task<void> Read(int number);
  Task<void> CheckTails();
  Task<void> Trims();
  Task<void> Swaps();
  Task<void> SwapOnce();
  void CountSwap(const std::string& reason);
  loglets::Placement Wish();
  Task<void> Pause();
  Task<Status> ReadAll(Lsn tail);
  void AppendOne(virtuallog::Appender& appender, const std::string& handle);

  env::Env& env_;
  env::SimWorld& world_;
  virtuallog::SharedLog& log_;
  HistoryRecorder& history_;
  std::string life_;
  WorkloadOptions options_;
  WorkloadCounts& counts_;
  bool stopping_ = false;
  uint64_t open_appends_ = 0;
  uint64_t appends_begun_ = 0;
  Lsn highest_;  // acknowledged here
  uint64_t swaps_begun_ = 0;
  async::Event progress_;
  async::TaskGroup tasks_;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTING_LOG_WORKLOAD_H_
