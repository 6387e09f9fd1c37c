#include "env/sim/sim_world.h"

#include <algorithm>

namespace vlog::env {
namespace {

// Steps after which a wait for something is given up: only a livelock takes so many.
constexpr uint64_t kLivelock = 5'000'000;

}  // namespace

SimWorld::SimWorld(uint64_t seed) : random_(seed) {}

SimWorld::~SimWorld() {
  for (LifeId life : std::set<LifeId>(alive_)) EndLife(life);
  shutdown();
  destroy();
}

LifeId SimWorld::BeginLife() {
  alive_.insert(next_life_);
  return next_life_++;
}

void SimWorld::EndLife(LifeId life) {
  alive_.erase(life);
  // Destroying work can destroy coroutines, whose unwinding comes back through Post() and is
  // discarded there; so the containers are emptied before anything in them is destroyed.
  std::vector<Ready> dropped;
  std::vector<Ready> kept;
  for (Ready& ready : ready_) (ready.life == life ? dropped : kept).push_back(std::move(ready));
  ready_ = std::move(kept);
  Paused paused;
  if (auto node = paused_.extract(life)) paused = std::move(node.mapped());
  std::vector<Timer> dropped_timers;
  for (auto it = timers_.begin(); it != timers_.end();) {
    if (it->second.life == life) {
      timer_when_.erase(it->first.second);
      dropped_timers.push_back(std::move(it->second));
      it = timers_.erase(it);
    } else {
      ++it;
    }
  }
}

void SimWorld::Post(LifeId life, async::Work work) {
  if (alive_.contains(life)) ready_.push_back({life, std::move(work)});
}

async::TimerId SimWorld::StartTimer(LifeId life, Instant when, async::Work work) {
  async::TimerId id = next_timer_++;
  if (!alive_.contains(life)) return id;
  when = std::max(when, now_);
  timers_[{when, id}] = {life, std::move(work)};
  timer_when_[id] = when;
  return id;
}

void SimWorld::CancelTimer(async::TimerId timer) {
  auto it = timer_when_.find(timer);
  if (it == timer_when_.end()) return;
  auto node = timers_.extract({it->second, timer});
  timer_when_.erase(it);
}

bool SimWorld::Step() {
  if (!paused_.empty()) ResumePaused();
  while (ready_.empty()) {
    if (!NextMoment()) return false;
  }
  size_t chosen = RandomBelow(ready_.size());
  std::swap(ready_[chosen], ready_.back());
  LifeId life = ready_.back().life;
  async::Work work = std::move(ready_.back().work);
  ready_.pop_back();
  if (auto paused = paused_.find(life); paused != paused_.end()) {
    paused->second.held.push_back({life, std::move(work)});
    return true;
  }
  ++steps_;
  Trace("step", static_cast<uint64_t>(now_.since_start().count()) ^ (life << 48) ^ chosen);
  if (step_hook_) {
    step_hook_(life);
    if (!alive_.contains(life)) return true;
  }
  work();
  return true;
}

bool SimWorld::NextMoment() {
  auto wakes = std::min_element(paused_.begin(), paused_.end(), [](const auto& a, const auto& b) {
    return a.second.until < b.second.until;
  });
  bool wake = wakes != paused_.end() &&
              (timers_.empty() || wakes->second.until <= timers_.begin()->first.first);
  if (wake) {
    now_ = std::max(now_, wakes->second.until);
    ResumePaused();
    return true;
  }
  if (timers_.empty()) return false;
  auto node = timers_.extract(timers_.begin());
  now_ = node.key().first;
  if (auto paused = paused_.find(node.mapped().life); paused != paused_.end()) {
    // It waits as a timer, so that it can still be cancelled.
    node.key().first = paused->second.until;
    timer_when_[node.key().second] = paused->second.until;
    timers_.insert(std::move(node));
    return true;
  }
  timer_when_.erase(node.key().second);
  ready_.push_back({node.mapped().life, std::move(node.mapped().work)});
  return true;
}

void SimWorld::ResumePaused() {
  for (auto it = paused_.begin(); it != paused_.end();) {
    if (it->second.until > now_) {
      ++it;
      continue;
    }
    for (Ready& held : it->second.held) Post(held.life, std::move(held.work));
    it = paused_.erase(it);
  }
}

bool SimWorld::RunUntil(absl::AnyInvocable<bool()> done, Instant limit) {
  uint64_t most = steps_ + kLivelock;
  while (!done()) {
    if (now_ > limit || steps_ > most || !Step()) return done();
  }
  return true;
}

bool SimWorld::Chance(double probability) {
  return static_cast<double>(Random() >> 11) * 0x1.0p-53 < probability;
}

void SimWorld::Trace(std::string_view what, uint64_t value) {
  for (char c : what) trace_hash_ = (trace_hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  for (int i = 0; i < 8; ++i) {
    trace_hash_ = (trace_hash_ ^ ((value >> (8 * i)) & 0xff)) * 0x100000001b3;
  }
}

}  // namespace vlog::env
