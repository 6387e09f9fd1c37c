// The kind "striped": opens, proposes and drops the two parts of a striped loglet through the
// factory, and never learns what they are. Thread rule: as LogletKind.
#ifndef VLOG_TESTS_SCENARIO_STRIPED_KIND_H_
#define VLOG_TESTS_SCENARIO_STRIPED_KIND_H_

#include <array>
#include <memory>
#include <string>

#include "env/env.h"
#include "loglets/factory.h"
#include "scenario/striped_loglet.h"

namespace vlog::testing {

inline constexpr char kStripedKind[] = "striped";

struct StripedOptions {
  std::array<std::string, kParts> kinds;  // of the parts, in the factory
  uint64_t limit = 4;                     // as StripedParts
  size_t seals_first = 0;                 // by this process
};

// The Env, the factory and the parts' kinds outlive it.
std::unique_ptr<loglets::LogletKind> NewStripedKind(env::Env& env, loglets::LogletFactory& factory,
                                                    StripedOptions options);

// The loglet that is part `number` of the striped loglet `id`.
LogletId PartId(const LogletId& id, size_t number);

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_STRIPED_KIND_H_
