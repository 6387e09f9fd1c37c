// Runs scenarios over seeds, on several threads if asked to, and tells how it went.
#ifndef VLOG_TOOLS_VLOG_SIM_RUNNER_H_
#define VLOG_TOOLS_VLOG_SIM_RUNNER_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "testing/sim.h"

namespace vlog::tools {

struct SimRun {
  uint64_t first = 1;
  uint64_t seeds = 0;
  double seconds = 0;  // at most so long; 0: no limit
  int jobs = 1;        // threads; the worlds share nothing
  bool stop_at_failure = false;
  // Of each ordered pair of the scenario's kinds: once there were so many, no more seeds are run,
  // and fewer over all seeds are a failure. 0: one, and all seeds are run.
  uint64_t swaps_a_pair = 0;
};

// Runs one seed and prints what came of it, with its history if `trace`; false if it fails.
bool RunOneSeed(const testing::SimScenario& scenario, uint64_t seed, bool trace);

// All seeds of one scenario.
class ScenarioRunner {
 public:
  ScenarioRunner(const testing::SimScenario& scenario, const SimRun& run)
      : scenario_(scenario), run_(run), next_(run.first) {}

  // False if a seed fails, an expected fault fired in none, or swaps of a pair of kinds are
  // missing.
  bool Run();
  uint64_t seeds_run() const { return seeds_run_; }

 private:
  using Clock = std::chrono::steady_clock;

  void Work();
  // The next one to run; none: no more.
  std::optional<uint64_t> TakeSeed();
  void Note(uint64_t seed, const testing::SimVerdict& verdict);
  bool Report();
  bool ReportFaults();
  bool ReportPairs();
  bool HasAllPairs();

  const testing::SimScenario& scenario_;
  const SimRun run_;
  std::optional<Clock::time_point> deadline_;

  std::mutex mutex_;  // guards what follows, and standard output
  uint64_t next_;
  uint64_t seeds_run_ = 0;
  uint64_t failures_ = 0;
  uint64_t acked_ = 0;
  uint64_t swaps_ = 0;
  uint64_t repeated_ = 0;
  std::map<std::string, uint64_t> faults_;
  std::map<testing::KindPair, uint64_t> pairs_;  // swaps
};

}  // namespace vlog::tools

#endif  // VLOG_TOOLS_VLOG_SIM_RUNNER_H_
