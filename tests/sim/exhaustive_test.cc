// A small script, killed at each of its suspension points in turn: then recovery, a read of
// everything and the checker.
#include <catch2/catch.hpp>
#include <cstdio>
#include <memory>

#include "embedded/directory.h"
#include "env/sim/sim_env.h"
#include "testing/history_recorder.h"
#include "testing/log_workload.h"
#include "testing/run_task.h"

namespace vlog::testing {
namespace {

using checker::Op;
using embedded::Directory;
using embedded::DirectoryOptions;

DirectoryOptions SmallOptions() {
  DirectoryOptions options;
  options.journal.segment_bytes = 16 * 1024;
  options.journal.max_group_bytes = 4 * 1024;
  return options;
}

// Three appends, a swap and a trim, from an empty disk to a closed directory.
Task<Status> Script(std::shared_ptr<env::Env> env, std::unique_ptr<Directory>* keep,
                    HistoryRecorder& history) {
  StatusOr<std::unique_ptr<Directory>> opened =
      co_await Directory::OpenOn(std::move(env), SmallOptions());
  VLOG_CO_RETURN_IF_ERROR(opened);
  *keep = *std::move(opened);
  Directory& directory = **keep;
  StatusOr<virtuallog::SharedLog*> log = co_await directory.OpenLog("l", true);
  VLOG_CO_RETURN_IF_ERROR(log);
  std::unique_ptr<virtuallog::Appender> appender = (*log)->NewAppender();
  for (int i = 0; i < 3; ++i) {
    std::string value = "record " + std::to_string(i);
    uint64_t id = history.InvokeAppend("l", "script", appender->next_seq(), value);
    StatusOr<Lsn> lsn = co_await appender->Append(value);
    if (!lsn.ok()) co_return lsn.status();
    history.Ok("l", Op::kAppend, id, *lsn);
    if (i == 1) {
      virtuallog::ReconfigureRequest swap;
      swap.reason = "script";
      Status swapped = co_await (*log)->Reconfigure(std::move(swap));
      VLOG_CO_RETURN_IF_ERROR(swapped);
    }
  }
  uint64_t id = history.InvokeTrim("l", "trimmer", Lsn(1));
  StatusOr<Lsn> point = co_await (*log)->Trim(Lsn(1));
  VLOG_CO_RETURN_IF_ERROR(point);
  history.Ok("l", Op::kTrim, id, *point);
  co_await appender->Close();
  co_return co_await directory.Close();
}

// Runs the script and kills it before its step `kill_at`; then recovers and judges. Returns the
// number of steps that the script ran.
uint64_t RunKilledAt(uint64_t seed, uint64_t kill_at) {
  env::SimWorld world(seed);
  env::SimDiskImage image(world);
  HistoryRecorder history(world, checker::Options());
  auto env = std::make_shared<env::SimEnv>(world, image, "script");
  std::unique_ptr<Directory> directory;
  uint64_t steps = 0;
  bool killed = false;
  world.SetStepHook([&](env::LifeId life) {
    if (life != env->life() || killed) return;
    if (steps++ != kill_at) return;
    killed = true;
    env->Crash();
  });
  Outcome<Status> done = StartTask(*env, Script(env, &directory, history));
  world.RunUntil([&] { return killed || done->has_value(); },
                 world.now() + std::chrono::minutes(5));
  if (!killed) {
    REQUIRE(done->has_value());
    REQUIRE((*done)->ok());
    env->Crash();
  }
  world.SetStepHook(nullptr);
  directory.reset();
  image.Crash();

  auto next_env = std::make_shared<env::SimEnv>(world, image, "recovery");
  auto opened = RunTask(world, *next_env, Directory::OpenOn(next_env, SmallOptions()));
  REQUIRE(opened.has_value());
  INFO(opened->status().ToString());
  REQUIRE(opened->ok());
  directory = **std::move(opened);
  auto log = RunTask(world, *next_env, directory->OpenLog("l", true));
  REQUIRE(log->ok());
  WorkloadCounts counts;
  LogWorkload workload(*next_env, world, ***log, history, "after", WorkloadOptions(), counts);
  auto checked = RunTask(world, *next_env, workload.FinalCheck());
  REQUIRE(checked.has_value());
  INFO(checked->ToString());
  REQUIRE(checked->ok());
  const checker::Report& report = history.Finish();
  INFO(report.violation << ": " << report.explanation);
  REQUIRE(report.ok);
  next_env->Crash();
  return steps;
}

TEST_CASE(
    "Exhaustive: a script of three appends, a swap and a trim survives a kill at every point") {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    uint64_t points = RunKilledAt(seed, UINT64_MAX);
    REQUIRE(points > 60);
    uint64_t killed = 0;
    for (uint64_t at = 0; at < points; ++at) {
      CAPTURE(at);
      // Up to the kill the run is the one that was counted.
      REQUIRE(RunKilledAt(seed, at) == at + 1);
      ++killed;
    }
    CHECK(killed == points);
    std::printf("exhaustive: seed %d: %d suspension points, killed at each\n",
                static_cast<int>(seed), static_cast<int>(points));
  }
}

}  // namespace
}  // namespace vlog::testing
