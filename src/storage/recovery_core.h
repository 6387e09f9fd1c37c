// What a journal holds after a crash, decided from the bytes of its last segments. Pure.
//
// D = the highest "synced up to" in any valid group header, and at least the checkpoint. Below D
// everything was acknowledged: what cannot be read there is damage, kept and reported, never cut.
// At or above D lies what one unsynced write may have left: whole groups are taken in order up to
// the first bad one, and everything from there on is the torn tail, dropped, whatever it looks
// like.
#ifndef VLOG_STORAGE_RECOVERY_CORE_H_
#define VLOG_STORAGE_RECOVERY_CORE_H_

#include <vector>

#include "storage/format.h"

namespace vlog::storage {

// The bytes of one segment from `start` to the end of its file.
struct SegmentBytes {
  JournalPosition start;
  Bytes data;
};

// A run of bytes below D that holds no readable frame. `lost_records` is the sum of counts that the
// next readable group says are missing before it.
struct Damage {
  JournalPosition begin;
  JournalPosition end;
  uint64_t lost_records = 0;
};

struct RecoveryPlan {
  JournalPosition synced;     // D
  JournalPosition end;        // where the next group goes
  uint64_t ordinal = 0;       // sum of counts of all entries below `end`, lost ones included
  std::vector<Frame> frames;  // entries and groups to apply, in order
  std::vector<Damage> damage;
  // A damage at index i of `damage` lies before frame damage_before[i] of `frames`.
  std::vector<size_t> damage_before;
  // The end of the last valid frame that was dropped; positions in [end, dropped_end) are to be
  // overwritten before anything else is written. Equal to `end` if nothing was dropped.
  JournalPosition dropped_end;
};

// `segments` are consecutive in order; the first starts at the checkpoint, up to which everything
// is known and durable, with `ordinal` records before it. With `durable_only` nothing at or above D
// is taken (for a reader beside a live writer).
RecoveryPlan PlanRecovery(JournalId journal, const std::vector<SegmentBytes>& segments,
                          uint64_t ordinal, bool durable_only);

// Every intact frame of one segment, in order, whatever lies between them.
std::vector<Frame> ValidFrames(JournalId journal, const SegmentBytes& segment);

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_RECOVERY_CORE_H_
