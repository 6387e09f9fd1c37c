// One request and one reply between a simulated client process and the fake cluster.
#ifndef VLOG_TESTING_FAKE_RPC_H_
#define VLOG_TESTING_FAKE_RPC_H_

#include <functional>
#include <memory>
#include <utility>

#include "testing/fake_quorum.h"

namespace vlog::testing {

// Runs `serve` at the servers after a delay and brings its result back after another. A message
// that is lost ends in kUnknown after a timeout: the caller cannot tell which of the two it was.
template <typename T>
class FakeCall {
 public:
  using Serve = std::function<StatusOr<T>()>;

  // `serve` runs when the client may be dead already: it captures nothing of the client's.
  static Task<StatusOr<T>> Run(env::SimEnv& env, FakeCluster& cluster, Serve serve) {
    env::LifeId client = env.life();
    auto start = [client, &cluster, serve = std::move(serve)](Completer completer) {
      auto shared = std::make_shared<Completer>(std::move(completer));
      auto expire = [shared] { (*shared)(StatusOr<T>(absl::UnknownError("no reply"))); };
      cluster.SendAfter(client, kTimeout, expire);
      if (cluster.Loses()) return;
      auto at_server = [client, &cluster, shared, serve] {
        StatusOr<T> result = serve();
        if (cluster.Loses()) return;
        cluster.SendAfter(client, cluster.Delay(), [shared, result] { (*shared)(result); });
      };
      cluster.SendAfter(cluster.life(), cluster.Delay(), at_server);
    };
    return Completer::Await(env.scheduler(), std::move(start));
  }

 private:
  using Completer = async::Completer<StatusOr<T>>;
  static constexpr Duration kTimeout = std::chrono::milliseconds(40);
};

}  // namespace vlog::testing

#endif  // VLOG_TESTING_FAKE_RPC_H_
