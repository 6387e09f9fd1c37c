#include "vlog_sim/runner.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <thread>
#include <vector>

namespace vlog::tools {
namespace {

using testing::KindPair;
using testing::RunSim;
using testing::SimScenario;
using testing::SimVerdict;

constexpr uint64_t kMinAcked = 200;
constexpr uint64_t kMinSwaps = 2;
constexpr uint64_t kRepeatEvery = 50;     // one seed in so many runs twice and must hash equal
constexpr uint64_t kMostFailures = 5;     // then it is plain enough
constexpr uint64_t kSeedsForFaults = 20;  // fewer need not show every fault

bool Repeats(uint64_t seed) { return seed % kRepeatEvery == 0; }

// The run of one seed, and whether it proves anything.
SimVerdict Judge(const SimScenario& scenario, uint64_t seed, bool trace) {
  SimVerdict verdict = RunSim(scenario, seed, trace);
  if (verdict.ok && (verdict.acked < kMinAcked || verdict.swaps_under_load < kMinSwaps)) {
    verdict.Fail("vacuous: " + std::to_string(verdict.acked) + " acknowledged appends, " +
                 std::to_string(verdict.swaps_under_load) + " swaps under load");
  }
  if (verdict.ok && Repeats(seed) &&
      RunSim(scenario, seed, false).trace_hash != verdict.trace_hash) {
    verdict.Fail("not deterministic: a second run has another trace hash");
  }
  return verdict;
}

void PrintFaults(const std::map<std::string, uint64_t>& faults) {
  for (const auto& [name, count] : faults) std::printf("  %s %" PRIu64, name.c_str(), count);
}

void PrintPairs(const std::map<KindPair, uint64_t>& pairs) {
  for (const auto& [kinds, count] : pairs) {
    std::printf("  %s to %s %" PRIu64, kinds.first.c_str(), kinds.second.c_str(), count);
  }
}

// Every kind is swapped to every kind, itself too. None for a scenario with one kind.
std::vector<KindPair> ExpectedPairs(const SimScenario& scenario) {
  std::vector<KindPair> pairs;
  if (scenario.kinds.size() < 2) return pairs;
  for (const std::string& from : scenario.kinds) {
    for (const std::string& to : scenario.kinds) pairs.emplace_back(from, to);
  }
  return pairs;
}

void PrintSeed(const SimScenario& scenario, uint64_t seed, const SimVerdict& verdict) {
  std::printf("seed %" PRIu64 "  %s  %s  hash %016" PRIx64 "  acked %" PRIu64 "  swaps %" PRIu64
              "  steps %" PRIu64,
              seed, scenario.name.c_str(), verdict.ok ? "ok" : "FAILED", verdict.trace_hash,
              verdict.acked, verdict.swaps_under_load, verdict.steps);
  PrintFaults(verdict.faults);
  if (scenario.kinds.size() > 1) PrintPairs(verdict.swaps_by_kinds);
  std::printf("\n");
  if (!verdict.ok) {
    std::printf("  %s\n  replay: vlog-sim --scenario %s --seed %" PRIu64 " --trace\n",
                verdict.why.c_str(), scenario.name.c_str(), seed);
  }
  std::fflush(stdout);
}

}  // namespace

bool RunOneSeed(const SimScenario& scenario, uint64_t seed, bool trace) {
  SimVerdict verdict = Judge(scenario, seed, trace);
  for (const std::string& line : verdict.history) std::printf("%s\n", line.c_str());
  PrintSeed(scenario, seed, verdict);
  return verdict.ok;
}

bool ScenarioRunner::Run() {
  if (run_.seconds > 0) {
    auto most =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(run_.seconds));
    deadline_ = Clock::now() + most;
  }
  std::vector<std::thread> workers;
  for (int i = 0; i < run_.jobs; ++i) workers.emplace_back([this] { Work(); });
  for (std::thread& worker : workers) worker.join();
  return Report();
}

void ScenarioRunner::Work() {
  while (std::optional<uint64_t> seed = TakeSeed()) {
    SimVerdict verdict = Judge(scenario_, *seed, false);
    Note(*seed, verdict);
  }
}

std::optional<uint64_t> ScenarioRunner::TakeSeed() {
  std::lock_guard<std::mutex> lock(mutex_);
  bool enough = failures_ >= (run_.stop_at_failure ? 1 : kMostFailures);
  bool late = deadline_ && Clock::now() > *deadline_;
  if (run_.swaps_a_pair > 0 && HasAllPairs()) return std::nullopt;
  if (enough || late || next_ >= run_.first + run_.seeds) return std::nullopt;
  if (run_.stop_at_failure) {
    std::printf("running %" PRIu64 "\n", next_);
    std::fflush(stdout);
  }
  return next_++;
}

void ScenarioRunner::Note(uint64_t seed, const SimVerdict& verdict) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!verdict.ok) PrintSeed(scenario_, seed, verdict);
  ++seeds_run_;
  failures_ += !verdict.ok;
  acked_ += verdict.acked;
  swaps_ += verdict.swaps_under_load;
  repeated_ += Repeats(seed);
  for (const auto& [name, count] : verdict.faults) faults_[name] += count;
  for (const KindPair& pair : ExpectedPairs(scenario_)) {
    auto found = verdict.swaps_by_kinds.find(pair);
    pairs_[pair] += found == verdict.swaps_by_kinds.end() ? 0 : found->second;
  }
}

bool ScenarioRunner::HasAllPairs() {
  std::vector<KindPair> expected = ExpectedPairs(scenario_);
  uint64_t least = std::max<uint64_t>(run_.swaps_a_pair, 1);
  return std::all_of(expected.begin(), expected.end(),
                     [&](const KindPair& pair) { return pairs_[pair] >= least; });
}

bool ScenarioRunner::Report() {
  bool ok = failures_ == 0;
  std::printf("%-14s %s  seeds %" PRIu64 "  acked %" PRIu64 "  swaps %" PRIu64
              "  repeated %" PRIu64,
              scenario_.name.c_str(), ok ? "ok" : "FAILED", seeds_run_, acked_, swaps_, repeated_);
  PrintFaults(faults_);
  std::printf("\n");
  ok &= ReportFaults();
  ok &= ReportPairs();
  std::fflush(stdout);
  return ok;
}

bool ScenarioRunner::ReportFaults() {
  bool ok = true;
  for (const std::string& fault : scenario_.expected_faults) {
    if (faults_[fault] > 0 || seeds_run_ < kSeedsForFaults) continue;
    std::printf("%-14s FAILED: the fault '%s' fired in no seed\n", scenario_.name.c_str(),
                fault.c_str());
    ok = false;
  }
  return ok;
}

bool ScenarioRunner::ReportPairs() {
  if (pairs_.empty()) return true;
  std::printf("%-14s swaps under load", scenario_.name.c_str());
  PrintPairs(pairs_);
  std::printf("\n");
  bool due = run_.swaps_a_pair > 0 || seeds_run_ >= kSeedsForFaults;
  if (!due || HasAllPairs()) return true;
  std::printf("%-14s FAILED: some kinds were swapped fewer than %" PRIu64 " times\n",
              scenario_.name.c_str(), std::max<uint64_t>(run_.swaps_a_pair, 1));
  return false;
}

}  // namespace vlog::tools
