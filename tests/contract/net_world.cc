#include "contract/net_world.h"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>

#include "env/real/real_env.h"
#include "env/real/temp_directory.h"
#include "env/sim/sim_env.h"

namespace vlog::testing {
namespace {

class SimNetWorld final : public NetWorld {
 public:
  explicit SimNetWorld(uint64_t seed) : world_(seed), fabric_(world_) {}

  std::string name() const override { return "simulated"; }
  env::Env& env(int number) override {
    Node& node = nodes_[number];
    if (node.env == nullptr) {
      node.image = std::make_unique<env::SimDiskImage>(world_);
      node.env = std::make_unique<env::SimEnv>(world_, *node.image, HostName(number), &fabric_);
    }
    return *node.env;
  }
  env::Address AnyPort(int number) override { return {HostName(number), 0}; }
  env::Address Nobody(int number) override { return {HostName(number), 9}; }
  bool RunUntil(std::function<bool()> done) override {
    return world_.RunUntil(std::move(done), world_.now() + std::chrono::minutes(10));
  }
  void StopAll() override {
    for (auto& [number, node] : nodes_) node.env->scheduler().Stop();
    Instant limit = world_.now() + std::chrono::seconds(1);
    world_.RunUntil([] { return false; }, limit);
  }

 private:
  struct Node {
    std::unique_ptr<env::SimDiskImage> image;
    std::unique_ptr<env::SimEnv> env;
  };
  static std::string HostName(int number) { return "host" + std::to_string(number); }

  env::SimWorld world_;
  env::SimFabric fabric_;
  std::map<int, Node> nodes_;
};

class RealNetWorld final : public NetWorld {
 public:
  ~RealNetWorld() override {
    StopAll();
    envs_.clear();
  }

  std::string name() const override { return "real"; }
  env::Env& env(int number) override {
    std::unique_ptr<env::Env>& env = envs_[number];
    if (env == nullptr) env = env::NewRealEnv(context_.get_executor(), directory_.path());
    return *env;
  }
  env::Address AnyPort(int) override { return {"127.0.0.1", 0}; }
  env::Address Nobody(int) override { return {"127.0.0.1", 9}; }
  bool RunUntil(std::function<bool()> done) override {
    // Generous: it only ends a test that would hang.
    constexpr int kRounds = 600;
    for (int round = 0; round < kRounds && !done(); ++round) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(100));
      while (!done() && context_.poll_one() > 0) {
      }
    }
    return done();
  }
  void StopAll() override {
    for (auto& [number, env] : envs_) env->scheduler().Stop();
    context_.restart();
    context_.poll();
  }

 private:
  env::TempDirectory directory_;
  boost::asio::io_context context_{1};
  std::map<int, std::unique_ptr<env::Env>> envs_;
};

}  // namespace

std::unique_ptr<NetWorld> NewSimNetWorld(uint64_t seed) {
  return std::make_unique<SimNetWorld>(seed);
}

std::unique_ptr<NetWorld> NewRealNetWorld() { return std::make_unique<RealNetWorld>(); }

}  // namespace vlog::testing
