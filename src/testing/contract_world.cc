#include "testing/contract_world.h"

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "env/real/real_env.h"
#include "env/real/temp_directory.h"
#include "env/sim/sim_env.h"

namespace vlog::testing {
namespace {

class SimContractWorld final : public ContractWorld {
 public:
  explicit SimContractWorld(uint64_t seed) : world_(seed), image_(world_) { Begin(); }
  ~SimContractWorld() override { env_->Crash(); }

  std::string name() const override { return "simulated"; }
  env::Env& env() override { return *env_; }
  bool RunUntil(std::function<bool()> done) override {
    return world_.RunUntil(std::move(done), world_.now() + std::chrono::minutes(10));
  }
  void Kill(std::function<void()> before_env_goes) override {
    env_->Crash();
    before_env_goes();
    env_.reset();
    image_.Crash();
    Begin();
  }

 private:
  void Begin() { env_ = std::make_unique<env::SimEnv>(world_, image_, "process"); }

  env::SimWorld world_;
  env::SimDiskImage image_;
  std::unique_ptr<env::SimEnv> env_;
};

class RealContractWorld final : public ContractWorld {
 public:
  RealContractWorld() { Begin(); }
  ~RealContractWorld() override {
    End([] {});
  }

  std::string name() const override { return "real"; }
  env::Env& env() override { return *env_; }
  bool RunUntil(std::function<bool()> done) override {
    // Generous: it only ends a test that would hang.
    constexpr int kRounds = 600;
    for (int round = 0; round < kRounds && !done(); ++round) {
      context_->restart();
      context_->run_one_for(std::chrono::milliseconds(100));
      while (!done() && context_->poll_one() > 0) {
      }
    }
    return done();
  }
  void Kill(std::function<void()> before_env_goes) override {
    End(std::move(before_env_goes));
    Begin();
  }

 private:
  void Begin() {
    context_ = std::make_unique<boost::asio::io_context>(1);
    env_ = env::NewRealEnv(context_->get_executor(), directory_.path());
  }
  void End(std::function<void()> before_env_goes) {
    // As near to a kill as one process can come: every wait ends, nothing new reaches the disk.
    env_->scheduler().Stop();
    context_->restart();
    context_->poll();
    before_env_goes();
    env_.reset();
    context_.reset();
  }

  env::TempDirectory directory_;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<env::Env> env_;
};

}  // namespace

std::unique_ptr<ContractWorld> NewSimContractWorld(uint64_t seed) {
  return std::make_unique<SimContractWorld>(seed);
}

std::unique_ptr<ContractWorld> NewRealContractWorld() {
  return std::make_unique<RealContractWorld>();
}

}  // namespace vlog::testing
