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
// Thread rule: as Loglet. The Env, the factory and the parts' kinds outlive the kind.
#ifndef VLOG_TESTS_SCENARIO_STRIPED_LOGLET_H_
#define VLOG_TESTS_SCENARIO_STRIPED_LOGLET_H_

#include <array>
#include <memory>
#include <string>

#include "env/env.h"
#include "loglets/factory.h"

namespace vlog::testing {

inline constexpr char kStripedKind[] = "striped";
inline constexpr size_t kParts = 2;

struct StripedOptions {
  std::array<std::string, kParts> kinds;  // of the parts, in the factory
  uint64_t limit = 4;                     // offsets that batches of part 0 begin below
  size_t seals_first = 0;                 // the part that this process seals first
};

std::unique_ptr<loglets::LogletKind> NewStripedKind(env::Env& env, loglets::LogletFactory& factory,
                                                    StripedOptions options);

// The loglet that is part `number` of the striped loglet `id`.
LogletId PartId(const LogletId& id, size_t number);

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_STRIPED_LOGLET_H_
