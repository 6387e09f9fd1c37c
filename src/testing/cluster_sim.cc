#include "testing/cluster_sim.h"

#include <memory>

#include "client/cluster.h"
#include "testing/history_recorder.h"
#include "testing/log_workload.h"
#include "testing/node_world.h"

namespace vlog::testing {
namespace {

constexpr uint64_t kNodes = 3;
constexpr int kClients = 2;
constexpr Duration kLimit = std::chrono::minutes(5);
constexpr Duration kRecovery = std::chrono::seconds(10);
constexpr char kLog[] = "shared";

// One client process.
struct Client {
  Client(NodeWorld& nodes, const std::string& host)
      : image(nodes.world),
        env(std::make_shared<env::SimEnv>(nodes.world, image, host, &nodes.fabric)) {
    client::ClusterOptions options;
    for (uint64_t node = 1; node <= kNodes; ++node) {
      options.seeds.push_back(NodeWorld::AddressOf(node));
    }
    opened = StartTask(*env, Open(this, std::move(options)));
  }
  // A crash: nothing of the process runs again, then its memory goes.
  ~Client() { env->Crash(); }

  static Task<Status> Open(Client* self, client::ClusterOptions options) {
    StatusOr<std::unique_ptr<client::Cluster>> cluster =
        co_await client::Cluster::ConnectOn(self->env, std::move(options));
    VLOG_CO_RETURN_IF_ERROR(cluster);
    self->cluster = *std::move(cluster);
    client::NewLog made;
    StatusOr<virtuallog::SharedLog*> log =
        co_await self->cluster->OpenOrCreateLog(kLog, std::move(made));
    VLOG_CO_RETURN_IF_ERROR(log);
    self->log = *log;
    co_return absl::OkStatus();
  }

  env::SimDiskImage image;
  std::shared_ptr<env::SimEnv> env;
  Outcome<Status> opened;
  std::unique_ptr<client::Cluster> cluster;
  virtuallog::SharedLog* log = nullptr;
  std::unique_ptr<LogWorkload> workload;
};

class ClusterSim {
 public:
  ClusterSim(const SimScenario& scenario, uint64_t seed, bool keep_history)
      : scenario_(scenario), nodes_(seed, kNodes), history_(world(), checker::Options()) {
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
      if (!world().Step()) verdict_.Fail("nothing moves any more");
    }
    if (Fine()) Heal();
    for (auto& client : clients_) client.reset();
    Judge();
    return std::move(verdict_);
  }

 private:
  env::SimWorld& world() { return nodes_.world; }
  bool Fine() { return verdict_.ok && history_.ok(); }

  void StartClient(int number) {
    std::string host = "c" + std::to_string(number) + "." + std::to_string(generation_++);
    clients_[static_cast<size_t>(number)] = std::make_unique<Client>(nodes_, host);
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
    return std::make_unique<LogWorkload>(*client.env, world(), *client.log, history_,
                                         client.env->ProcessName(), options, counts_);
  }

  // At most one node is away at a time: crashed, cut off or stopped.
  void TurnKnobs() {
    if (away_ != 0 && world().Chance(0.4)) Return();
    if (away_ == 0 && world().Chance(0.3)) SendAway(1 + world().RandomBelow(kNodes));
    if (scenario_.message_loss) {
      nodes_.fabric.SetLoss(world().Chance(0.3) ? 0.01 : 0, std::chrono::milliseconds(500));
      nodes_.fabric.SetDuplication(world().Chance(0.3) ? 0.02 : 0);
      nodes_.fabric.SetStragglers(0.3, std::chrono::milliseconds(50));
    }
    if (scenario_.crashes && world().Chance(0.05)) {
      int victim = static_cast<int>(world().RandomBelow(kClients));
      clients_[static_cast<size_t>(victim)].reset();
      ++verdict_.faults["client crash"];
      StartClient(victim);
    }
  }

  void SendAway(uint64_t node) {
    if (scenario_.crashes && world().Chance(0.5)) {
      nodes_.Crash(node);
      ++verdict_.faults["crash"];
      away_ = node;
    } else if (scenario_.partitions) {
      if (world().Chance(0.3)) {
        // One way: it hears the others, and they do not hear it.
        for (uint64_t other = 1; other <= kNodes; ++other) {
          if (other != node) nodes_.fabric.Cut(NodeWorld::Host(node), NodeWorld::Host(other));
        }
        ++verdict_.faults["one-way cut"];
      } else if (world().Chance(0.5)) {
        nodes_.fabric.Isolate({NodeWorld::Host(node)});
        ++verdict_.faults["isolated node"];
      } else {
        Duration pause = std::chrono::milliseconds(100 + world().RandomBelow(2000));
        world().Pause(nodes_.env(node).life(), world().now() + pause);
        ++verdict_.faults["paused node"];
      }
      away_ = node;
    }
  }

  void Return() {
    nodes_.fabric.HealAll();
    if (!nodes_.IsUp(away_)) nodes_.Start(away_);
    away_ = 0;
  }

  void Heal() {
    nodes_.fabric.SetLoss(0);
    nodes_.fabric.SetDuplication(0);
    nodes_.fabric.SetStragglers(0, Duration(0));
    if (away_ != 0) Return();
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

  void Judge() {
    const checker::Report& report = history_.Finish();
    if (!report.ok) verdict_.Fail(report.violation + ": " + report.explanation);
    for (const auto& [fault, count] : nodes_.fabric.fault_counts()) {
      if (count > 0) verdict_.faults[fault] += count;
    }
    verdict_.history = history_.lines();
    verdict_.trace_hash = world().trace_hash();
    verdict_.steps = world().steps();
    verdict_.acked = counts_.acked;
    verdict_.swaps_under_load = counts_.swaps_under_load;
  }

  SimScenario scenario_;
  SimVerdict verdict_;
  NodeWorld nodes_;
  HistoryRecorder history_;
  WorkloadCounts counts_;
  std::vector<std::unique_ptr<Client>> clients_;
  uint64_t generation_ = 0;
  uint64_t away_ = 0;  // the node that is crashed, cut off or stopped; 0: none
};

}  // namespace

SimVerdict RunClusterSim(const SimScenario& scenario, uint64_t seed, bool keep_history) {
  return ClusterSim(scenario, seed, keep_history).Run();
}

}  // namespace vlog::testing
