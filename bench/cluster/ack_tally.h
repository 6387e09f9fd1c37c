// What the client of a cluster saw of its appends: how many, how long each took, and the longest
// time without an acknowledgement.
#ifndef VLOG_BENCH_CLUSTER_ACK_TALLY_H_
#define VLOG_BENCH_CLUSTER_ACK_TALLY_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/status.h"

namespace vlog::bench {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime SteadyNow() { return std::chrono::steady_clock::now(); }
inline double MillisBetween(SteadyTime begin, SteadyTime end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

struct AckFigures {
  uint64_t acknowledged = 0;
  uint64_t failed = 0;
  Status first_failure;  // OK: none
  double seconds = 0;
  // Between two acknowledgements that follow each other, the last one before the tally began and
  // the time until it was read included.
  double longest_gap_millis = 0;
  double open_gap_millis = 0;  // since the last acknowledgement
  std::vector<float> micros;   // from each call to its acknowledgement

  double PerSecond() const { return static_cast<double>(acknowledged) / seconds; }
  // REQUIRES: something was acknowledged.
  double MicrosAt(double q) const;
};

// Thread rule: one thread. A read of the clock and a few instructions an acknowledgement.
class AckTally {
 public:
  // Counts anew from now on; the gap that is open now counts from its beginning.
  void Mark();
  void Acknowledged(SteadyTime started, SteadyTime now);
  void Failed(const Status& why);
  AckFigures Read() const;

 private:
  AckFigures figures_;
  SteadyTime marked_ = SteadyNow();
  SteadyTime last_ = marked_;  // acknowledgement, or the start
};

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_ACK_TALLY_H_
