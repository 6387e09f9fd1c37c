#include "testing/cluster_sim.h"

#include <memory>

#include "testing/cluster_faults.h"
#include "testing/history_recorder.h"
#include "testing/log_process.h"
#include "testing/log_workload.h"
#include "testing/node_world.h"

namespace vlog::testing {
namespace {

constexpr uint64_t kNodes = 3;
constexpr int kClients = 2;
constexpr int kSwapsAtOnce = 3;               // of each client
constexpr uint64_t kSegmentBytes = 64 << 10;  // so that the journals use files again and again
// Whoever is away for a moment or lost its disk has its sealed segments moved.
constexpr Duration kRehomeAfter = std::chrono::milliseconds(300);
constexpr Duration kLimit = std::chrono::minutes(5);
constexpr Duration kRecovery = std::chrono::seconds(10);
constexpr char kLog[] = "shared";
constexpr char kMoved[] = "moved segment ";

struct Client : LogProcess {
  using LogProcess::LogProcess;
  ~Client() { Crash(); }

  std::unique_ptr<LogWorkload> workload;
};

class ClusterSim {
 public:
  ClusterSim(const SimScenario& scenario, uint64_t seed, bool keep_history)
      : scenario_(scenario),
        nodes_(seed, kNodes),
        faults_(nodes_, scenario_, verdict_.faults),
        history_(world(), checker::Options()) {
    nodes_.SetSegmentBytes(kSegmentBytes);
    nodes_.SetRehomeAfter(kRehomeAfter);
    if (keep_history) history_.KeepLines();
  }

  SimVerdict Run() {
    nodes_.StartAll();
    if (!nodes_.AwaitJoined()) verdict_.Fail("the nodes do not find together");
    clients_.resize(kClients);
    for (int i = 0; i < kClients && Fine(); ++i) StartClient(i);
    uint64_t steps = scenario_.steps_a_life * static_cast<uint64_t>(scenario_.lives);
    for (uint64_t step = 0; step < steps && Fine(); ++step) {
      if (step % 1000 == 0) TurnKnobs();
      AdvanceClients();
      faults_.Watch();
      if (!world().Step()) verdict_.Fail("nothing moves any more");
    }
    if (Fine()) Heal();
    for (auto& client : clients_) client.reset();
    Judge();
    return std::move(verdict_);
  }

 private:
  env::SimWorld& world() { return nodes_.world; }
  bool Fine() { return verdict_.ok && history_.ok() && faults_.violation().ok(); }

  void StartClient(int number) {
    std::string host = "c" + std::to_string(number) + "." + std::to_string(generation_++);
    clients_[static_cast<size_t>(number)] = std::make_unique<Client>(nodes_, host, kNodes, kLog);
  }

  // Clients whose log has been opened begin to work; those that found no cluster try again.
  void AdvanceClients() {
    for (int number = 0; number < kClients; ++number) {
      auto& client = clients_[static_cast<size_t>(number)];
      if (client->workload != nullptr || !client->opened->has_value()) continue;
      Status opened = **client->opened;
      if (absl::IsUnavailable(opened) || absl::IsUnknown(opened)) {
        client.reset();
        StartClient(number);
        continue;
      }
      if (!opened.ok()) {
        verdict_.Fail("cannot open: " + opened.ToString());
        return;
      }
      client->workload = NewWorkload(*client);
      client->workload->Start();
    }
  }

  std::unique_ptr<LogWorkload> NewWorkload(Client& client) {
    WorkloadOptions options;
    options.writers = 2;
    options.readers = 1;
    options.max_outstanding = 15;
    options.pause = std::chrono::milliseconds(20);
    if (scenario_.competing_swaps) options.nodes = kNodes;
    options.any_nodes = !scenario_.disk_faults;
    options.kinds = scenario_.kinds;
    return std::make_unique<LogWorkload>(*client.env, world(), *client.log, history_,
                                         client.env->ProcessName(), options, counts_);
  }

  void TurnKnobs() {
    faults_.Turn();
    if (scenario_.crashes && world().Chance(0.05)) {
      int victim = static_cast<int>(world().RandomBelow(kClients));
      clients_[static_cast<size_t>(victim)].reset();
      ++verdict_.faults["client crash"];
      StartClient(victim);
    }
    if (scenario_.clock_jumps && world().Chance(0.1)) {
      clients_[world().RandomBelow(kClients)]->env->SetWallClockError(RandomClockError(world()));
      ++verdict_.faults["client clock jump"];
    }
    if (scenario_.competing_swaps && world().Chance(0.1)) Compete();
  }

  // Everybody wants another sequencer, other nodes or another quorum, at once.
  void Compete() {
    uint64_t competitors = 0;
    for (auto& client : clients_) {
      if (client->workload == nullptr) continue;
      client->workload->SwapAtOnce(kSwapsAtOnce);
      ++competitors;
    }
    if (competitors > 1) ++verdict_.faults["competing swaps"];
  }

  void Heal() {
    faults_.Heal();
    for (auto& client : clients_) client.reset();
    if (!nodes_.AwaitJoined()) {
      verdict_.Fail("the nodes do not find together after healing");
      return;
    }
    // Connections are made again and sequencers replaced within this; then everything must work.
    nodes_.RunFor(kRecovery);
    StartClient(0);
    Client& client = *clients_[0];
    world().RunUntil([&] { return client.opened->has_value(); }, world().now() + kLimit);
    if (!client.opened->has_value() || !(*client.opened)->ok()) {
      verdict_.Fail("cannot open after healing");
      return;
    }
    std::unique_ptr<LogWorkload> workload = NewWorkload(client);
    std::optional<Status> checked = RunTask(world(), *client.env, workload->FinalCheck(), kLimit);
    if (!Fine()) return;
    if (!checked) {
      verdict_.Fail("the final check does not end");
    } else if (!checked->ok()) {
      verdict_.Fail("the final check fails: " + checked->ToString());
    }
  }

  // Segments whose copies the nodes moved, as they say themselves.
  uint64_t CountMoved() {
    std::string log = nodes_.log();
    uint64_t count = 0;
    for (size_t at = log.find(kMoved); at != std::string::npos; at = log.find(kMoved, at + 1)) {
      ++count;
    }
    return count;
  }

  void Judge() {
    const checker::Report& report = history_.Finish();
    if (!faults_.violation().ok()) verdict_.Fail(Message(faults_.violation()));
    if (!report.ok) verdict_.Fail(report.violation + ": " + report.explanation);
    for (const auto& [fault, count] : nodes_.fabric.fault_counts()) {
      if (count > 0) verdict_.faults[fault] += count;
    }
    verdict_.swaps_by_kinds = counts_.swaps_by_kinds;
    if (uint64_t moved = CountMoved(); moved > 0) verdict_.faults["segment moved"] += moved;
    verdict_.history = history_.lines();
    verdict_.trace_hash = world().trace_hash();
    verdict_.steps = world().steps();
    verdict_.acked = counts_.acked;
    verdict_.swaps_under_load = counts_.swaps_under_load;
  }

  SimScenario scenario_;
  SimVerdict verdict_;
  NodeWorld nodes_;
  ClusterFaults faults_;
  HistoryRecorder history_;
  WorkloadCounts counts_;
  std::vector<std::unique_ptr<Client>> clients_;
  uint64_t generation_ = 0;
};

}  // namespace

SimVerdict RunClusterSim(const SimScenario& scenario, uint64_t seed, bool keep_history) {
  return ClusterSim(scenario, seed, keep_history).Run();
}

}  // namespace vlog::testing
