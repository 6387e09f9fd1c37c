// The real world's clock.
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <functional>

#include "env/real/real_env.h"

namespace vlog::env {
namespace {

TEST_CASE("Real timers: one that is due again at once keeps nobody else from running") {
  boost::asio::io_context loop;
  std::unique_ptr<Env> env = NewRealEnv(loop.get_executor(), ".");
  async::Scheduler& scheduler = env->scheduler();
  constexpr int kMost = 10'000;
  int rounds = 0;
  bool ran = false;
  std::function<void()> again = [&] {
    if (++rounds == 1) scheduler.Post([&ran] { ran = true; });
    if (!ran && rounds < kMost) scheduler.StartTimer(scheduler.Now(), again);
  };
  scheduler.StartTimer(scheduler.Now(), again);
  loop.run();
  CHECK(ran);
  CHECK(rounds < kMost);
}

TEST_CASE("Real timers: one that is cancelled by another that is due with it does not run") {
  boost::asio::io_context loop;
  std::unique_ptr<Env> env = NewRealEnv(loop.get_executor(), ".");
  async::Scheduler& scheduler = env->scheduler();
  bool ran = false;
  async::TimerId second = 0;
  scheduler.StartTimer(scheduler.Now(), [&] { scheduler.CancelTimer(second); });
  second = scheduler.StartTimer(scheduler.Now(), [&] { ran = true; });
  loop.run();
  CHECK_FALSE(ran);
}

}  // namespace
}  // namespace vlog::env
