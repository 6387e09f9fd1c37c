// One life of a simulated process, as an Env.
#ifndef VLOG_ENV_SIM_SIM_ENV_H_
#define VLOG_ENV_SIM_SIM_ENV_H_

#include <memory>
#include <string>

#include "env/env.h"
#include "env/sim/sim_disk.h"
#include "env/sim/sim_fabric.h"
#include "env/sim/sim_network.h"
#include "env/sim/sim_world.h"

namespace vlog::env {

// Begins when constructed. Crash() ends it: no coroutine of it ever runs again; then destroy, in
// this order, whatever was built on it and the SimEnv itself, and call Crash() of the disk image.
class SimEnv final : public Env {
 public:
  // `name` is its host on `fabric`, which outlives it; without one it is alone on a network of its
  // own.
  SimEnv(SimWorld& world, SimDiskImage& image, std::string name, SimFabric* fabric = nullptr);
  ~SimEnv() override;

  void Crash();
  LifeId life() const { return life_; }
  // How far this machine's wall clock is off. It may be set at any time: the clock jumps. Timers
  // and the monotonic clock do not notice.
  void SetWallClockError(Duration error) { wall_error_ = error; }
  bool alive() const { return alive_; }

  async::Scheduler& scheduler() override { return scheduler_; }
  Disk& disk() override { return disk_; }
  Network& network() override { return *network_; }
  WallTime WallNow() override;
  uint64_t RandomId() override;
  std::string ProcessName() override { return name_; }

 private:
  class SimScheduler final : public async::Scheduler {
   public:
    SimScheduler(SimWorld& world, LifeId life)
        : Scheduler(SimWorld::Executor(&world, life)), world_(world), life_(life) {}
    Instant Now() const override { return world_.now(); }
    void Post(async::Work work) override { world_.Post(life_, std::move(work)); }
    async::TimerId StartTimer(Instant when, async::Work work) override {
      return world_.StartTimer(life_, when, std::move(work));
    }
    void CancelTimer(async::TimerId timer) override { world_.CancelTimer(timer); }
    void Drop() { DropWaits(); }

   private:
    SimWorld& world_;
    LifeId life_;
  };

  SimWorld& world_;
  std::string name_;
  LifeId life_;
  bool alive_ = true;
  Duration wall_error_{0};
  SimScheduler scheduler_;
  SimDisk disk_;
  std::unique_ptr<SimFabric> own_fabric_;
  std::unique_ptr<SimNetwork> network_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_SIM_SIM_ENV_H_
