// vlog-sim: logs and their clients in the simulated world, from a seed.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "vlog_sim/runner.h"

namespace {

using vlog::testing::SimScenario;
using vlog::testing::SimScenarios;
using vlog::tools::RunOneSeed;
using vlog::tools::ScenarioRunner;
using vlog::tools::SimRun;

void PrintScenarios() {
  for (const SimScenario& scenario : SimScenarios()) {
    std::printf("%-14s %s\n", scenario.name.c_str(), scenario.about.c_str());
  }
}

// `name`: one scenario, or "" for all. False if one fails.
bool RunScenarios(const std::string& name, const SimRun& run) {
  auto start = std::chrono::steady_clock::now();
  bool ok = true;
  uint64_t seeds = 0;
  for (const SimScenario& scenario : SimScenarios()) {
    if (!name.empty() && scenario.name != name) continue;
    ScenarioRunner runner(scenario, run);
    ok &= runner.Run();
    seeds += runner.seeds_run();
  }
  std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  std::printf("simulated %" PRIu64 " seeds in %.0f s: %.1f seeds a second\n", seeds, spent.count(),
              static_cast<double>(seeds) / spent.count());
  return ok;
}

bool RunSeed(const std::string& name, uint64_t seed, bool trace) {
  bool ok = true;
  for (const SimScenario& scenario : SimScenarios()) {
    if (name.empty() || scenario.name == name) ok &= RunOneSeed(scenario, seed, trace);
  }
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Runs logs in a simulated world with faults and virtual time: one process and its disk, or a "
      "cluster\nof nodes and clients (--list). The same scenario and seed give the same run, in "
      "every process."};
  uint64_t seed = 0;
  SimRun run;
  std::string name;
  bool trace = false;
  bool list = false;
  auto* one = app.add_option("--seed", seed, "run this seed alone");
  app.add_option("--seeds", run.seeds, "run so many seeds of each scenario")->excludes(one);
  app.add_option("--seconds", run.seconds, "with --seeds: at most so long a scenario");
  app.add_option("--first", run.first, "with --seeds: the first seed")->capture_default_str();
  app.add_option("--jobs", run.jobs, "with --seeds: so many at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--scenario", name, "only this scenario (see --list)");
  app.add_flag("--trace", trace, "with --seed: print the history, one event a line");
  app.add_flag("--stop-at-failure", run.stop_at_failure,
               "with --seeds: name each seed before it runs, stop at the first that fails");
  app.add_option("--swaps-a-pair", run.swaps_a_pair,
                 "with --seeds: stop once each kind was swapped for each kind so often under load; "
                 "fail if\nthe seeds do not reach it (cluster-kinds)");
  app.add_flag("--list", list, "list the scenarios");
  app.footer("Examples:\n  vlog-sim --seeds 200\n  vlog-sim --scenario crashes --seed 17 --trace");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (list) {
    PrintScenarios();
    return 0;
  }
  if (!name.empty() && vlog::testing::FindSimScenario(name) == nullptr) {
    std::fprintf(stderr, "vlog-sim: there is no scenario '%s'; --list names them\n", name.c_str());
    return 2;
  }
  if (seed == 0 && run.seeds == 0) {
    std::fprintf(stderr, "vlog-sim: say --seed S or --seeds N; --help has examples\n");
    return 2;
  }
  bool ok = seed != 0 ? RunSeed(name, seed, trace) : RunScenarios(name, run);
  return ok ? 0 : 4;
}
