// The reference loglet: everything in the memory of one process. The oracle of the contract suite,
// and a log for tests; nothing survives the process.
#ifndef VLOG_LOGLETS_MEMORY_MEMORY_LOGLET_H_
#define VLOG_LOGLETS_MEMORY_MEMORY_LOGLET_H_

#include <memory>

#include "env/env.h"
#include "loglets/factory.h"

namespace vlog::loglets {

inline constexpr char kMemoryKind[] = "memory";

// The Env outlives the kind, and the kind the loglets that it opened.
std::unique_ptr<LogletKind> NewMemoryKind(env::Env& env);

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_MEMORY_MEMORY_LOGLET_H_
