// Time as plain values. None of these types can read a clock: only env::Clock can, so that the
// simulator owns every clock.
#ifndef VLOG_BASE_TIME_H_
#define VLOG_BASE_TIME_H_

#include <chrono>
#include <compare>
#include <cstdint>

namespace vlog {

using Duration = std::chrono::nanoseconds;

// A moment on one process' monotonic clock; meaningless in another process.
class Instant {
 public:
  constexpr Instant() = default;
  constexpr explicit Instant(Duration since_start) : since_start_(since_start) {}
  static constexpr Instant Max() { return Instant(Duration::max()); }
  constexpr Duration since_start() const { return since_start_; }
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant i, Duration d) {
    bool beyond = d > Duration(0) && i.since_start_ > Duration::max() - d;
    return beyond ? Max() : Instant(i.since_start_ + d);
  }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return a.since_start_ - b.since_start_;
  }

 private:
  Duration since_start_{0};
};

// Milliseconds since the Unix epoch on some machine's wall clock. For policy and for people, never
// for safety: it may jump.
struct WallTime {
  int64_t unix_millis = 0;
  friend constexpr auto operator<=>(WallTime, WallTime) = default;
};

}  // namespace vlog

#endif  // VLOG_BASE_TIME_H_
