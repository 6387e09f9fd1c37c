// What the system says about a process.
#ifndef VLOG_BENCH_CLUSTER_PROCESS_H_
#define VLOG_BENCH_CLUSTER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace vlog::bench {

// Processor time of all threads of these processes so far, kernel included, in steps of 10 ms a
// process. A process that is gone counts as zero.
double CpuSecondsOf(const std::vector<pid_t>& processes);

// Resident memory, and the most that there ever was. 0: the process is gone.
uint64_t ResidentBytes(pid_t process);
uint64_t PeakResidentBytes(pid_t process);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_PROCESS_H_
