#include "testing/quorum_sim.h"

#include <memory>

#include "testing/chain_watch.h"
#include "testing/fake_quorum.h"
#include "testing/history_recorder.h"
#include "testing/log_workload.h"
#include "testing/run_task.h"
#include "virtuallog/shared_log.h"

namespace vlog::testing {
namespace {

constexpr int kClients = 3;
constexpr Duration kLimit = std::chrono::minutes(2);
constexpr char kLog[] = "shared";

// One client process: its own world, register access, factory and log.
struct Client {
  Client(env::SimWorld& world, env::SimDiskImage& image, FakeCluster& cluster, std::string name)
      : env(world, image, std::move(name)), metastore(NewFakeMetastore(env, cluster)) {
    factory.Register(NewFakeQuorumKind(env, cluster));
  }
  // A crash: nothing of the process runs again, then its memory goes.
  ~Client() { env.Crash(); }

  env::SimEnv env;
  std::unique_ptr<metastore::Metastore> metastore;
  loglets::LogletFactory factory;
  Outcome<StatusOr<std::unique_ptr<virtuallog::SharedLog>>> opened;
  std::unique_ptr<virtuallog::SharedLog> log;
  std::unique_ptr<LogWorkload> workload;
};

class QuorumSim {
 public:
  QuorumSim(const SimScenario& scenario, uint64_t seed, bool keep_history)
      : scenario_(scenario),
        world_(seed),
        image_(world_),
        cluster_(world_),
        history_(world_, checker::Options()) {
    if (keep_history) history_.KeepLines();
  }

  SimVerdict Run() {
    clients_.resize(kClients);
    for (int i = 0; i < kClients; ++i) StartClient(i);
    uint64_t steps = scenario_.steps_a_life * static_cast<uint64_t>(scenario_.lives);
    for (uint64_t step = 0; step < steps && Fine(); ++step) {
      if (step % 400 == 0) TurnKnobs();
      AdvanceClients();
      if (!world_.Step()) verdict_.Fail("nothing moves any more");
    }
    if (Fine()) Heal();
    for (auto& client : clients_) client.reset();
    Judge();
    return std::move(verdict_);
  }

 private:
  bool Fine() { return verdict_.ok && history_.ok() && cluster_.violation().ok(); }

  void StartClient(int number) {
    std::string name = "c" + std::to_string(number) + "." + std::to_string(generation_++);
    auto client = std::make_unique<Client>(world_, image_, cluster_, name);
    virtuallog::OpenOptions options;
    options.create_with_kind = kFakeQuorumKind;
    client->opened =
        StartTask(client->env, virtuallog::SharedLog::Open(client->env, *client->metastore,
                                                           client->factory, kLog, options));
    clients_[static_cast<size_t>(number)] = std::move(client);
  }

  // Clients whose log has been opened begin to work.
  void AdvanceClients() {
    for (int number = 0; number < kClients; ++number) {
      auto& client = clients_[static_cast<size_t>(number)];
      if (client->workload != nullptr || !client->opened->has_value()) continue;
      Status opened = (*client->opened)->status();
      if (absl::IsUnavailable(opened)) {
        client.reset();
        StartClient(number);
        continue;
      }
      if (!opened.ok()) {
        verdict_.Fail("cannot open: " + opened.ToString());
        return;
      }
      client->log = **std::move(*client->opened);
      client->opened->emplace(absl::CancelledError("taken"));
      WorkloadOptions options;
      options.writers = 2;
      options.readers = 1;
      options.max_outstanding = 15;
      options.pause = std::chrono::milliseconds(8);
      client->workload = std::make_unique<LogWorkload>(client->env, world_, *client->log, history_,
                                                       client->env.ProcessName(), options, counts_);
      client->workload->Start();
    }
  }

  void TurnKnobs() {
    if (scenario_.message_loss) cluster_.SetLoss(world_.Chance(0.5) ? 0.03 : 0);
    if (scenario_.stores_down) {
      int down = static_cast<int>(world_.RandomBelow(kStores * 2));
      for (int number = 0; number < kStores; ++number) {
        cluster_.SetStoreDown(number, number == down);
        if (number == down) ++verdict_.faults["store down"];
      }
    }
    if (scenario_.crashes && world_.Chance(0.08)) {
      int victim = static_cast<int>(world_.RandomBelow(kClients));
      clients_[static_cast<size_t>(victim)].reset();
      ++verdict_.faults["crash"];
      StartClient(victim);
    }
  }

  void Heal() {
    cluster_.SetLoss(0);
    for (int number = 0; number < kStores; ++number) cluster_.SetStoreDown(number, false);
    for (auto& client : clients_) client.reset();
    StartClient(0);
    Client& client = *clients_[0];
    world_.RunUntil([&] { return client.opened->has_value(); }, world_.now() + kLimit);
    if (!client.opened->has_value() || !(*client.opened)->ok()) {
      verdict_.Fail("cannot open after healing");
      return;
    }
    client.log = **std::move(*client.opened);
    LogWorkload workload(client.env, world_, *client.log, history_, client.env.ProcessName(),
                         WorkloadOptions(), counts_);
    std::optional<Status> checked = RunTask(world_, client.env, workload.FinalCheck(), kLimit);
    if (!Fine()) return;
    if (!checked) {
      verdict_.Fail("the final check does not end");
    } else if (!checked->ok()) {
      verdict_.Fail("the final check fails: " + checked->ToString());
    }
  }

  void Judge() {
    const checker::Report& report = history_.Finish();
    if (!cluster_.violation().ok()) {
      verdict_.Fail(cluster_.violation().ToString());
    }
    if (!report.ok) verdict_.Fail(report.violation + ": " + report.explanation);
    if (cluster_.lost() > 0) verdict_.faults["lost message"] += cluster_.lost();
    verdict_.history = history_.lines();
    verdict_.trace_hash = world_.trace_hash();
    verdict_.steps = world_.steps();
    verdict_.acked = counts_.acked;
    verdict_.swaps_under_load = counts_.swaps_under_load;
  }

  SimScenario scenario_;
  env::SimWorld world_;
  env::SimDiskImage image_;
  FakeCluster cluster_;
  HistoryRecorder history_;
  WorkloadCounts counts_;
  SimVerdict verdict_;
  std::vector<std::unique_ptr<Client>> clients_;
  uint64_t generation_ = 0;
};

}  // namespace

SimVerdict RunQuorumSim(const SimScenario& scenario, uint64_t seed, bool keep_history) {
  return QuorumSim(scenario, seed, keep_history).Run();
}

}  // namespace vlog::testing
