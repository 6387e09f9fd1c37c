#include "testing/embedded_sim.h"

#include <memory>

#include "embedded/directory.h"
#include "env/sim/sim_env.h"
#include "testing/history_recorder.h"
#include "testing/log_workload.h"
#include "testing/run_task.h"

namespace vlog::testing {
namespace {

using embedded::Directory;
using embedded::DirectoryOptions;

constexpr Duration kOpenLimit = std::chrono::minutes(5);

class EmbeddedSim {
 public:
  EmbeddedSim(const SimScenario& scenario, uint64_t seed, bool keep_history)
      : scenario_(scenario),
        world_(seed),
        image_(world_),
        history_(world_, checker::Options{scenario.bit_rot}) {
    if (keep_history) history_.KeepLines();
    logs_ = {"orders", "users"};
    if (scenario.recycling) logs_ = {"orders"};
  }

  SimVerdict Run() {
    for (int life = 0; life < scenario_.lives && verdict_.ok; ++life) {
      if (Begin(life)) LiveOn();
      if (verdict_.ok) End();
      if (scenario_.bit_rot && verdict_.ok) Rot();
    }
    if (verdict_.ok && Begin(scenario_.lives)) Heal();
    if (env_ != nullptr) Kill();
    Judge();
    return std::move(verdict_);
  }

 private:
  // Opens the directory and its logs and starts the clients; false if the verdict is out.
  bool Begin(int life) {
    env_ = std::make_shared<env::SimEnv>(world_, image_, "process" + std::to_string(life));
    DirectoryOptions directory_options;
    directory_options.journal.segment_bytes = 32 * 1024;
    directory_options.journal.max_group_bytes = 8 * 1024;
    directory_options.journal.checkpoint_bytes = 12 * 1024;
    if (scenario_.recycling) directory_options.journal.segment_bytes = 4096;
    Outcome<StatusOr<std::unique_ptr<Directory>>> opened =
        StartTask(*env_, Directory::OpenOn(env_, directory_options));
    opening_ = opened;
    if (scenario_.crashes && world_.Chance(0.3)) {
      // Some lives end before they have begun.
      uint64_t steps = world_.RandomBelow(80);
      while (steps-- > 0 && !opened->has_value()) world_.Step();
      if (!opened->has_value()) {
        ++verdict_.faults["crash while opening"];
        Kill();
        return Begin(life);
      }
    }
    world_.RunUntil([&] { return opened->has_value(); }, world_.now() + kOpenLimit);
    if (!opened->has_value()) return Fail("opening the directory does not end");
    if (!(*opened)->ok()) {
      return Fail("cannot open the directory: " + (*opened)->status().ToString());
    }
    directory_ = **std::move(*opened);
    opened->reset();
    for (const std::string& name : logs_) {
      auto log = RunTask(world_, *env_, directory_->OpenLog(name, true), kOpenLimit);
      if (!log) return Fail("opening log " + name + " does not end");
      if (!log->ok()) return Fail("cannot open log " + name + ": " + log->status().ToString());
      std::string prefix = name + std::to_string(life);
      WorkloadOptions options;
      options.trim_handle = "trimmer";
      if (scenario_.recycling) MakeEqual(&options);
      workloads_.push_back(
          std::make_unique<LogWorkload>(*env_, world_, ***log, history_, prefix, options, counts_));
    }
    return true;
  }

  // One record a group, each of 424 bytes: every life of a segment has its frames at the same
  // places, and the second group's entry begins with a sector. If a crash keeps that group's header
  // and loses the entry, the entry of an earlier life stands in its place.
  static void MakeEqual(WorkloadOptions* options) {
    options->writers = 1;
    options->max_outstanding = 0;
    options->max_burst = 1;
    options->record_bytes = 260;
    options->pause = std::chrono::microseconds(800);
    // What is left of a loglet that is gone would be ignored: most must outlive their segments.
    options->pauses_between_swaps = 60;
  }

  void LiveOn() {
    for (auto& workload : workloads_) workload->Start();
    uint64_t steps = scenario_.steps_a_life / 2 + world_.RandomBelow(scenario_.steps_a_life);
    for (uint64_t step = 0; step < steps && verdict_.ok; ++step) {
      if (step % 500 == 0) TurnKnobs();
      if (!world_.Step()) {
        Fail("nothing moves any more");
        return;
      }
      if (!history_.ok()) return;
    }
    image_.SetCapacity(UINT64_MAX);
    image_.FailNextSync(false);  // a fault that did not strike is not left for the next start
  }

  // Faults that come and go while the process runs.
  void TurnKnobs() {
    if (scenario_.slow_disk) {
      bool slow = world_.Chance(0.3);
      if (slow) ++verdict_.faults["slow disk"];
      image_.SetLatency(std::chrono::microseconds(50),
                        slow ? Duration(std::chrono::milliseconds(80))
                             : Duration(std::chrono::microseconds(300)));
    }
    if (scenario_.full_disk) {
      bool full = world_.Chance(0.4);
      image_.SetCapacity(full ? image_.used() + world_.RandomBelow(20'000) : UINT64_MAX);
    }
    if (scenario_.failed_syncs && world_.Chance(0.05)) image_.FailNextSync();
  }

  void End() {
    bool crash = scenario_.crashes && world_.Chance(0.8);
    if (!crash) {
      if (!StopClients()) return;
      std::optional<Status> closed = RunTask(world_, *env_, directory_->Close(), kOpenLimit);
      if (!closed) {
        Fail("closing the directory does not end");
        return;
      }
      if (!closed->ok() && !scenario_.failed_syncs) Fail("closing: " + closed->ToString());
    } else if (scenario_.bit_rot) {
      // Rot of what no durable mark covers yet looks like a torn write: let the idle mark come.
      if (!StopClients()) return;
      world_.RunUntil([] { return false; }, world_.now() + std::chrono::milliseconds(100));
    }
    Kill();
  }

  bool StopClients() {
    for (auto& workload : workloads_) {
      Outcome<bool> stopped = StartTask(*env_, Finish(workload->Stop()));
      world_.RunUntil([&] { return stopped->has_value(); }, world_.now() + kOpenLimit);
      if (!stopped->has_value()) return Fail("the clients do not come to an end");
    }
    return true;
  }

  static Task<bool> Finish(Task<void> task) {
    co_await std::move(task);
    co_return true;
  }

  void Kill() {
    env_->Crash();
    workloads_.clear();
    opening_.reset();
    directory_.reset();
    env_.reset();
    image_.Crash();
  }

  // One bit of one file of the journal, anywhere.
  void Rot() {
    std::vector<std::string> segments;
    for (const std::string& name : image_.names()) {
      if (name.ends_with(".seg")) segments.push_back(name);
    }
    if (segments.empty()) return;
    const std::string& name = segments[world_.RandomBelow(segments.size())];
    size_t size = image_.contents(name).size();
    if (size > 0) image_.FlipBit(name, world_.RandomBelow(size));
  }

  void Heal() {
    image_.SetLatency(std::chrono::microseconds(50), std::chrono::microseconds(300));
    for (auto& workload : workloads_) {
      std::optional<Status> checked = RunTask(world_, *env_, workload->FinalCheck(), kOpenLimit);
      if (!history_.ok()) return;
      if (!checked) {
        Fail("the final check does not end");
      } else if (!checked->ok()) {
        Fail("the final check fails: " + checked->ToString());
      }
      if (!verdict_.ok) return;
    }
    std::optional<Status> closed = RunTask(world_, *env_, directory_->Close(), kOpenLimit);
    if (!closed || !closed->ok()) Fail("the last close fails");
  }

  void Judge() {
    const checker::Report& report = history_.Finish();
    if (!report.ok) {
      verdict_.ok = false;
      verdict_.why = report.violation + " in log " + report.log + ": " + report.explanation;
    }
    for (const auto& [fault, count] : image_.fault_counts()) verdict_.faults[fault] += count;
    verdict_.history = history_.lines();
    verdict_.trace_hash = world_.trace_hash();
    verdict_.steps = world_.steps();
    verdict_.acked = counts_.acked;
    verdict_.swaps_under_load = counts_.swaps_under_load;
  }

  bool Fail(std::string why) { return verdict_.Fail(std::move(why)); }

  SimScenario scenario_;
  env::SimWorld world_;
  env::SimDiskImage image_;
  HistoryRecorder history_;
  std::vector<std::string> logs_;
  WorkloadCounts counts_;
  SimVerdict verdict_;

  // One life.
  std::shared_ptr<env::SimEnv> env_;
  Outcome<StatusOr<std::unique_ptr<Directory>>> opening_;
  std::unique_ptr<Directory> directory_;
  std::vector<std::unique_ptr<LogWorkload>> workloads_;
};

}  // namespace

SimVerdict RunEmbeddedSim(const SimScenario& scenario, uint64_t seed, bool keep_history) {
  return EmbeddedSim(scenario, seed, keep_history).Run();
}

}  // namespace vlog::testing
