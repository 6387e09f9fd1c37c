// vlog-sim: logs and their clients in the simulated world, from a seed.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <string>

#include "testing/sim.h"

namespace {

using vlog::testing::RunSim;
using vlog::testing::SimScenario;
using vlog::testing::SimScenarios;
using vlog::testing::SimVerdict;

constexpr uint64_t kMinAcked = 200;
constexpr uint64_t kMinSwaps = 2;
constexpr uint64_t kRepeatEvery = 50;  // one seed in so many runs twice and must hash equal

struct Totals {
  uint64_t seeds = 0;
  uint64_t failures = 0;
  uint64_t acked = 0;
  uint64_t swaps = 0;
  uint64_t repeated = 0;
  std::map<std::string, uint64_t> faults;
};

void PrintFaults(const std::map<std::string, uint64_t>& faults) {
  for (const auto& [name, count] : faults) std::printf("  %s %" PRIu64, name.c_str(), count);
}

// Runs one seed; false if it fails.
bool RunSeed(const SimScenario& scenario, uint64_t seed, bool verbose, bool trace, Totals* totals) {
  SimVerdict verdict = RunSim(scenario, seed, trace);
  if (verdict.ok && (verdict.acked < kMinAcked || verdict.swaps_under_load < kMinSwaps)) {
    verdict.ok = false;
    verdict.why = "vacuous: " + std::to_string(verdict.acked) + " acknowledged appends, " +
                  std::to_string(verdict.swaps_under_load) + " swaps under load";
  }
  if (verdict.ok && seed % kRepeatEvery == 0) {
    ++totals->repeated;
    if (RunSim(scenario, seed, false).trace_hash != verdict.trace_hash) {
      verdict.ok = false;
      verdict.why = "not deterministic: a second run has another trace hash";
    }
  }
  for (const std::string& line : verdict.history) std::printf("%s\n", line.c_str());
  if (verbose || !verdict.ok) {
    std::printf("seed %" PRIu64 "  %s  %s  hash %016" PRIx64 "  acked %" PRIu64 "  swaps %" PRIu64
                "  steps %" PRIu64,
                seed, scenario.name.c_str(), verdict.ok ? "ok" : "FAILED", verdict.trace_hash,
                verdict.acked, verdict.swaps_under_load, verdict.steps);
    PrintFaults(verdict.faults);
    std::printf("\n");
  }
  if (!verdict.ok) {
    std::printf("  %s\n  replay: vlog-sim --scenario %s --seed %" PRIu64 " --trace\n",
                verdict.why.c_str(), scenario.name.c_str(), seed);
  }
  std::fflush(stdout);
  ++totals->seeds;
  totals->failures += !verdict.ok;
  totals->acked += verdict.acked;
  totals->swaps += verdict.swaps_under_load;
  for (const auto& [name, count] : verdict.faults) totals->faults[name] += count;
  return verdict.ok;
}

// Runs many seeds of one scenario; false if one fails or an expected fault fired in none.
bool RunScenario(const SimScenario& scenario, uint64_t first, uint64_t seeds, double seconds,
                 bool stop_at_failure) {
  Totals totals;
  auto start = std::chrono::steady_clock::now();
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    if (seconds > 0 && spent.count() > seconds) break;
    if (stop_at_failure) std::printf("running %" PRIu64 "\n", seed);
    std::fflush(stdout);
    RunSeed(scenario, seed, false, false, &totals);
    if (totals.failures >= (stop_at_failure ? 1 : 5)) break;
  }
  bool ok = totals.failures == 0;
  std::printf("%-14s %s  seeds %" PRIu64 "  acked %" PRIu64 "  swaps %" PRIu64
              "  repeated %" PRIu64,
              scenario.name.c_str(), ok ? "ok" : "FAILED", totals.seeds, totals.acked, totals.swaps,
              totals.repeated);
  PrintFaults(totals.faults);
  std::printf("\n");
  for (const std::string& fault : scenario.expected_faults) {
    if (totals.faults[fault] > 0 || totals.seeds < 20) continue;
    std::printf("%-14s FAILED: the fault '%s' fired in no seed\n", scenario.name.c_str(),
                fault.c_str());
    ok = false;
  }
  std::fflush(stdout);
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Runs logs in a simulated world with faults and virtual time: one process and its disk, or a "
      "cluster\nof nodes and clients (--list). The same scenario and seed give the same run, in "
      "every process."};
  uint64_t seed = 0;
  uint64_t seeds = 0;
  uint64_t first = 1;
  std::string name;
  bool trace = false;
  bool list = false;
  bool stop_at_failure = false;
  double seconds = 0;
  auto* one = app.add_option("--seed", seed, "run this seed alone");
  app.add_option("--seeds", seeds, "run so many seeds of each scenario")->excludes(one);
  app.add_option("--seconds", seconds, "with --seeds: at most so long a scenario");
  app.add_option("--first", first, "with --seeds: the first seed")->capture_default_str();
  app.add_option("--scenario", name, "only this scenario (see --list)");
  app.add_flag("--trace", trace, "with --seed: print the history, one event a line");
  app.add_flag("--stop-at-failure", stop_at_failure,
               "with --seeds: name each seed before it runs, stop at the first that fails");
  app.add_flag("--list", list, "list the scenarios");
  app.footer("Examples:\n  vlog-sim --seeds 200\n  vlog-sim --scenario crashes --seed 17 --trace");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (list) {
    for (const SimScenario& scenario : SimScenarios()) {
      std::printf("%-14s %s\n", scenario.name.c_str(), scenario.about.c_str());
    }
    return 0;
  }
  if (!name.empty() && vlog::testing::FindSimScenario(name) == nullptr) {
    std::fprintf(stderr, "vlog-sim: there is no scenario '%s'; --list names them\n", name.c_str());
    return 2;
  }
  if (seed == 0 && seeds == 0) {
    std::fprintf(stderr, "vlog-sim: say --seed S or --seeds N; --help has examples\n");
    return 2;
  }
  bool ok = true;
  for (const SimScenario& scenario : SimScenarios()) {
    if (!name.empty() && scenario.name != name) continue;
    Totals totals;
    if (seed != 0) {
      ok &= RunSeed(scenario, seed, true, trace, &totals);
    } else {
      ok &= RunScenario(scenario, first, seeds, seconds, stop_at_failure);
    }
  }
  return ok ? 0 : 4;
}
