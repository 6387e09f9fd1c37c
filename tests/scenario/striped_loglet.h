// A composite loglet for tests: two loglets of other kinds, opened through the factory, make one.
//
//   composite   0 ............ limit ..| start of part 1 ........... tail
//   part 0      0 ............ limit ..|  void: late batches that nobody is shown
//   part 1                             | 0 ........................ tail
//
// It is the tandem among stripes: part 0 is filled first, then part 1. Parts that take turns would
// leave holes that somebody has to fill. A batch goes to one part as one unit: part 0 holds the
// composite's batches that begin below `limit`, so the last of them ends at the start of part 1,
// for whoever looks. A batch that part 0 took at or above `limit` is void, and its writer gives it
// to part 1, where nothing is sent before the last batch of part 0 is known to be committed.
//
// Sealed as soon as one part is: whoever notices seals the other. A tail is made of what the seals
// of both parts answered, never of what they told before.
//
// Smaller than a loglet for production: one batch of a handle is on its way at a time, a writer
// keeps to one handle, and a trim leaves the last batch of part 0 until it reaches into part 1,
// since that batch tells where part 1 starts.
// Thread rule: as Loglet.
#ifndef VLOG_TESTS_SCENARIO_STRIPED_LOGLET_H_
#define VLOG_TESTS_SCENARIO_STRIPED_LOGLET_H_

#include <array>
#include <memory>

#include "async/task_group.h"
#include "loglets/loglet.h"

namespace vlog::testing {

inline constexpr size_t kParts = 2;

struct StripedParts {
  std::array<std::shared_ptr<loglets::Loglet>, kParts> loglets;
  Offset limit;            // batches of part 0 begin below; at least 1
  size_t seals_first = 0;  // the part that this handle seals first
};

// The scheduler and the tasks outlive the loglet. Silence of the parts is no error.
Task<StatusOr<std::shared_ptr<loglets::Loglet>>> OpenStriped(async::Scheduler& scheduler,
                                                             async::TaskGroup& tasks,
                                                             StripedParts parts);

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_STRIPED_LOGLET_H_
