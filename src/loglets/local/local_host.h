// The local kind: loglets of one process on its one journal. The embedded default.
#ifndef VLOG_LOGLETS_LOCAL_LOCAL_HOST_H_
#define VLOG_LOGLETS_LOCAL_LOCAL_HOST_H_

#include <memory>

#include "env/env.h"
#include "loglets/factory.h"
#include "storage/journal.h"
#include "storage/journal_view.h"

namespace vlog::loglets {

inline constexpr char kLocalKind[] = "local";

struct LocalOptions {
  // A loglet that knows this many writers seals itself when another one comes; the table of its
  // successor starts empty (DESIGN 5.2). The table is part of each checkpoint.
  size_t most_writers = 100'000;
};

// Env and journal outlive the kind and every loglet that it opened. The journal was opened with
// NewLocalStreamState().
std::unique_ptr<LogletKind> NewLocalKind(env::Env& env, storage::Journal& journal,
                                         LocalOptions options = LocalOptions());

// The same loglets for a reader beside the process that writes them: only tails, trim points and
// reads; every other call is kUnavailable. Shows what view.Refresh() has seen.
std::unique_ptr<LogletKind> NewLocalReaderKind(env::Env& env, storage::JournalView& view);

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_LOCAL_LOCAL_HOST_H_
