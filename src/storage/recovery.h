// Opens what a journal left on its disk.
#ifndef VLOG_STORAGE_RECOVERY_H_
#define VLOG_STORAGE_RECOVERY_H_

#include <optional>

#include "storage/journal_contents.h"

namespace vlog::storage {

struct Recovered {
  RecoveryPlan plan;
  // Closed segments whose index could not be written before the crash.
  std::vector<std::shared_ptr<SegmentIndex>> unwritten;
  JournalPosition checkpoint;
};

// Fills `contents` from the newest checkpoint and what follows it. `clean_end`: where a clean stop
// left the journal, so that nothing behind the checkpoint is read. `durable_only`: for a reader
// beside a live writer. REQUIRES: contents->id and contents->segments are set.
// kDataLoss: a file that is needed is missing or damaged; the message names it.
Task<StatusOr<Recovered>> Recover(JournalContents* contents,
                                  std::optional<JournalPosition> clean_end, bool durable_only);

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_RECOVERY_H_
