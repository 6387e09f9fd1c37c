// Single records, appended so that a fixed number of them is always under way, and what becomes of
// them.
#ifndef VLOG_BENCH_CLUSTER_ACK_LOAD_H_
#define VLOG_BENCH_CLUSTER_ACK_LOAD_H_

#include <string>

#include "cluster/ack_tally.h"
#include "virtuallog/appender.h"

namespace vlog::bench {

// Each acknowledgement starts the next append. A failed append starts none, so that a broken log
// does not count as a quick one.
//
// Thread rule: the appender's executor. The appender outlives it; Stop() is awaited before it is
// destroyed.
class AckLoad {
 public:
  AckLoad(virtuallog::Appender* appender, async::Scheduler& scheduler, size_t payload_bytes,
          size_t outstanding);

  void Start();
  // Starts no more; returns when all that were started have ended.
  Task<void> Stop();
  bool idle() const { return ended_ == started_; }

  // Counts anew from now on. AckFigures is of what was counted since.
  void Mark() { tally_.Mark(); }
  AckFigures Read() const { return tally_.Read(); }
  // Waits for `window`, and then for as long as nothing is acknowledged: a gap that is open is not
  // cut off. Gives up after 30 s.
  Task<AckFigures> ReadAfter(Duration window);
  // Start(), `duration`, Stop(); the figures leave the start and the end out. Errors: the first
  // append that failed.
  Task<StatusOr<AckFigures>> RunFor(Duration duration);

 private:
  void StartOne(SteadyTime now);
  void End(SteadyTime started, const StatusOr<Lsn>& result);

  virtuallog::Appender* appender_;
  async::Scheduler& scheduler_;
  const std::string payload_;
  const size_t outstanding_;
  AckTally tally_;
  bool stopping_ = true;
  uint64_t started_ = 0;
  uint64_t ended_ = 0;
  Lsn next_;  // above all that were acknowledged
  async::Event drained_;
};

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_ACK_LOAD_H_
