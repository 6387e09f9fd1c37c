#include "env/sim/sim_env.h"

namespace vlog::env {

SimEnv::SimEnv(SimWorld& world, SimDiskImage& image, std::string name, SimFabric* fabric)
    : world_(world),
      name_(std::move(name)),
      life_(world.BeginLife()),
      scheduler_(world, life_),
      disk_(world, scheduler_, image) {
  if (fabric == nullptr) own_fabric_ = std::make_unique<SimFabric>(world);
  SimFabric& used = fabric != nullptr ? *fabric : *own_fabric_;
  network_ = std::make_unique<SimNetwork>(used, scheduler_, name_, life_);
}

SimEnv::~SimEnv() {
  if (alive_) Crash();
}

void SimEnv::Crash() {
  alive_ = false;
  // First nothing can run any more, then what is suspended goes.
  world_.EndLife(life_);
  network_->Crash();
  scheduler_.Drop();
}

WallTime SimEnv::WallNow() {
  constexpr int64_t kStart = 1'700'000'000'000;
  Duration told = world_.now().since_start() + wall_error_;
  auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(told);
  return WallTime{kStart + elapsed.count()};
}

uint64_t SimEnv::RandomId() {
  uint64_t id = world_.Random();
  return id == 0 ? 1 : id;
}

}  // namespace vlog::env
