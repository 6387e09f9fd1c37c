// A few client processes of one log, on the fake quorum loglet if not told otherwise, driven step
// by step; every append, read, trim and tail check is written down and judged at the end.
#ifndef VLOG_TESTS_SCENARIO_RACE_WORLD_H_
#define VLOG_TESTS_SCENARIO_RACE_WORLD_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "testing/fake_quorum.h"
#include "testing/history_recorder.h"
#include "testing/run_task.h"
#include "virtuallog/shared_log.h"

namespace vlog::testing {

using AppendOutcome = std::shared_ptr<std::optional<StatusOr<Lsn>>>;

class RaceWorld {
 public:
  explicit RaceWorld(uint64_t seed = 1);
  ~RaceWorld();

  using RegisterKinds = std::function<void(const std::string& client, env::SimEnv& env,
                                           loglets::LogletFactory& factory)>;
  // The log begins with a loglet of this kind, and clients know these kinds beside the fake quorum.
  // REQUIRES: no client is named yet.
  void UseKind(std::string first_kind, RegisterKinds more_kinds);

  // --- Clients, by name; one comes to life when it is first named ---
  virtuallog::SharedLog& Log(const std::string& client);
  env::SimEnv& Env(const std::string& client);
  loglets::LogletFactory& Factory(const std::string& client);
  void Crash(const std::string& client);
  env::LifeId Life(const std::string& client) { return Env(client).life(); }

  // --- Operations ---
  AppendOutcome StartAppend(const std::string& client, const std::string& text);
  Lsn Append(const std::string& client, const std::string& text);
  Outcome<Status> StartSwap(const std::string& client, const std::string& reason);
  void Swap(const std::string& client, const std::string& reason = "swap");
  // Seals the last loglet and leaves it without a successor.
  void SealOnly(const std::string& client);
  Lsn Tail(const std::string& client);
  Lsn Trim(const std::string& client, Lsn to);
  // Everything from the trim point to the tail.
  std::vector<std::string> ReadAll(const std::string& client);
  std::shared_ptr<const virtuallog::Chain> ReadChain(const std::string& client);

  bool Until(std::function<bool()> done, Duration limit = std::chrono::seconds(30)) {
    return world.RunUntil(std::move(done), world.now() + limit);
  }
  // Lets time pass, also when nobody has anything to do.
  void Pass(Duration time) {
    auto over = std::make_shared<bool>(false);
    cluster.SendAfter(cluster.life(), time, [over] { *over = true; });
    world.RunUntil([over] { return *over; }, world.now() + 2 * time);
  }
  template <typename T>
  T Run(const std::string& client, Task<T> task) {
    std::optional<T> result = RunTask(world, Env(client), std::move(task));
    VLOG_CHECK(result.has_value(), "the operation ends");
    return *std::move(result);
  }

  // Waits for every append, reads everything, and judges; "" if all is well.
  std::string Judge();

  env::SimWorld world;
  env::SimDiskImage image;
  FakeCluster cluster;
  HistoryRecorder history;

 private:
  struct Client;
  Client& Get(const std::string& name);

  std::string first_kind_ = kFakeQuorumKind;
  RegisterKinds more_kinds_;
  std::map<std::string, std::unique_ptr<Client>> clients_;
  uint64_t generation_ = 0;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_RACE_WORLD_H_
