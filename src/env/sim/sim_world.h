// The simulated world: one thread, one seed, virtual time. Ready work of all nodes lies in one pool
// and each step runs one piece of it, chosen at random; time moves only when nothing is ready. The
// same seed gives the same run and the same trace hash.
#ifndef VLOG_ENV_SIM_SIM_WORLD_H_
#define VLOG_ENV_SIM_SIM_WORLD_H_

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "async/scheduler.h"
#include "base/time.h"

namespace vlog::env {

// One life of a simulated process, from its start to its crash or stop.
using LifeId = uint64_t;

class SimWorld final : public boost::asio::execution_context {
 public:
  explicit SimWorld(uint64_t seed);
  ~SimWorld();

  // A minimal Asio executor whose work belongs to one life and is discarded when that life is over.
  class Executor {
   public:
    Executor(SimWorld* world, LifeId life) : world_(world), life_(life) {}
    friend bool operator==(const Executor&, const Executor&) = default;
    SimWorld& query(boost::asio::execution::context_t) const noexcept { return *world_; }
    static constexpr boost::asio::execution::blocking_t query(
        boost::asio::execution::blocking_t) noexcept {
      return boost::asio::execution::blocking.never;
    }
    Executor require(boost::asio::execution::blocking_t::never_t) const noexcept { return *this; }
    template <typename F>
    void execute(F&& work) const {
      // AnyInvocable takes move-only work; Asio's own functions are callable once.
      world_->Post(life_, [work = std::forward<F>(work)]() mutable { std::move(work)(); });
    }

   private:
    SimWorld* world_;
    LifeId life_;
  };

  LifeId BeginLife();
  // Discards all work and timers of the life, and what it posts from now on.
  void EndLife(LifeId life);

  // Nothing of this life runs before `until`: a process that is stopped, or a machine that hangs.
  // Its timers that come due meanwhile fire then.
  void Pause(LifeId life, Instant until) { paused_[life].until = until; }

  void Post(LifeId life, async::Work work);
  async::TimerId StartTimer(LifeId life, Instant when, async::Work work);
  void CancelTimer(async::TimerId timer);
  Instant now() const { return now_; }

  // Runs one piece of ready work, or moves time to the next timer. False: nothing left to do.
  bool Step();
  // Steps until `done()`, until virtual time `limit`, or until so many steps that only a livelock
  // takes them; true if `done()` came true. Checks `done`
  // after each step.
  bool RunUntil(absl::AnyInvocable<bool()> done, Instant limit);

  // Called before each piece of work with its life; may end lives. For crashes at chosen points.
  void SetStepHook(absl::AnyInvocable<void(LifeId)> hook) { step_hook_ = std::move(hook); }

  uint64_t Random() { return random_(); }
  uint64_t RandomBelow(uint64_t bound) { return random_() % bound; }
  bool Chance(double probability);

  // Folds something that happened into the trace hash.
  void Trace(std::string_view what, uint64_t value);
  uint64_t trace_hash() const { return trace_hash_; }
  uint64_t steps() const { return steps_; }

 private:
  struct Ready {
    LifeId life;
    async::Work work;
  };
  struct Timer {
    LifeId life;
    async::Work work;
  };
  struct Paused {
    Instant until;
    std::vector<Ready> held;
  };
  void ResumePaused();
  bool NextMoment();

  std::mt19937_64 random_;
  Instant now_;
  std::vector<Ready> ready_;
  std::map<std::pair<Instant, async::TimerId>, Timer> timers_;
  std::map<async::TimerId, Instant> timer_when_;
  async::TimerId next_timer_ = 1;
  LifeId next_life_ = 1;
  std::set<LifeId> alive_;
  std::map<LifeId, Paused> paused_;
  absl::AnyInvocable<void(LifeId)> step_hook_;
  uint64_t trace_hash_ = 0xcbf29ce484222325;
  uint64_t steps_ = 0;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_SIM_SIM_WORLD_H_
