// The world of one node: scheduler and monotonic clock, wall clock, randomness, disk, network.
// Everything above env/ reaches the world through this and nothing else, so that env/sim can
// replace it.
#ifndef VLOG_ENV_ENV_H_
#define VLOG_ENV_ENV_H_

#include <cstdint>

#include "async/scheduler.h"
#include "base/time.h"
#include "env/disk.h"
#include "env/network.h"

namespace vlog::env {

// Thread rule: as the scheduler's. An Env outlives all that was built on it.
class Env {
 public:
  virtual ~Env() = default;
  virtual async::Scheduler& scheduler() = 0;
  virtual Disk& disk() = 0;
  virtual Network& network() = 0;
  // May jump; for policy and for people.
  virtual WallTime WallNow() = 0;
  // Uniform over all 64-bit values; never zero, so that zero can mean "none" in random ids.
  virtual uint64_t RandomId() = 0;
  // Uniform in [0, bound). REQUIRES: bound > 0.
  uint64_t RandomBelow(uint64_t bound) { return RandomId() % bound; }
  // This process, for messages and for the chain's "who".
  virtual std::string ProcessName() = 0;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_ENV_H_
