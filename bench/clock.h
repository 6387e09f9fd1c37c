// Elapsed and processor time.
#ifndef VLOG_BENCH_CLOCK_H_
#define VLOG_BENCH_CLOCK_H_

#include <sys/resource.h>

#include <chrono>

namespace vlog::bench {

class StopWatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  double Micros() const { return Seconds() * 1e6; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Processor time of all threads of this process so far, kernel included.
inline double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLOCK_H_
