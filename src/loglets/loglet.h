// The contract of a loglet: a small log that the virtual log strings into a chain.
//
//   0 ....... trim point ............. tail (first unwritten offset, exclusive)
//   trimmed   | readable, final        | not there yet
//
// Thread rule: all calls and completions on the executor of the Env that it was opened on. Calls
// overlap freely. A loglet never knows that it is a segment of a chain, nor of the metastore.
// tests/contract/loglet_suite holds every kind to this page.
#ifndef VLOG_LOGLETS_LOGLET_H_
#define VLOG_LOGLETS_LOGLET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "async/task.h"
#include "base/batch.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::loglets {

struct Tail {
  Offset offset;
  // The loglet takes no more appends. The offset is then no answer to "where does the log end".
  bool sealed = false;
};

struct Sealed {
  Offset tail;
  // What the first sealer proposed as successor; "" if it proposed nothing.
  std::string proposal;
  // Fewer servers than acknowledge an append could be given what lies below the tail: each record
  // is on so many of them at least. 0: on as many as the kind promises.
  uint32_t least_copies = 0;
};

struct StoredBatch {
  Offset first;  // of the batch's first record
  Batch batch;
};

struct ReadResult {
  // Consecutive whole batches; the first one covers the offset that was asked for.
  std::vector<StoredBatch> batches;
  // If there are no batches: every copy of [from, lost_end) is lost for good.
  Offset lost_end;
};

using AppendDone = absl::AnyInvocable<void(StatusOr<Offset>)>;

// Batches that a writer may have in a loglet without a certain answer. A loglet tells for so many
// what became of a batch that is sent again; of older ones it says kUnknown.
inline constexpr size_t kMaxAppendWindow = 16;

class Loglet {
 public:
  virtual ~Loglet() = default;

  // OK(o): the batch is durable and final at [o, o + count). A duplicate of a batch that was taken
  // gets the same offset. `done` runs later, never inside this call; those of one writer in the
  // order of the calls.
  //   kFailedPrecondition  sealed, and this batch is certainly not stored
  //   kInvalidArgument     out of order: `prev` is not the writer's last; certainly not stored
  //   kResourceExhausted   full; neither this batch nor what its writer sent behind it is stored
  //   kUnavailable         certainly not stored
  //   kUnknown             may be stored; the sealed tail and a read will tell
  // REQUIRES: at most kMaxAppendWindow batches of its writer have neither OK nor "not stored".
  virtual void Append(Batch batch, AppendDone done) = 0;

  // Linearizable: at least all that was acknowledged before the call, at most what was appended
  // before its end. kUnavailable.
  virtual Task<StatusOr<Tail>> CheckTail() = 0;

  // A committed tail, possibly stale; never waits, never goes back.
  virtual Offset TailHint() = 0;
  // Has a copy tell the hint anew, for whoever was idle and will rely on it. Returns soon, whether
  // or not one has answered.
  virtual Task<void> RefreshTailHint() { co_return; }

  // Waits until the committed tail is above `beyond` or the loglet is sealed. kDeadlineExceeded.
  virtual Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) = 0;

  // Batches from the one that covers `from` on, at least one, up to about `max_bytes` of bodies.
  // REQUIRES: from < to <= a committed tail that the caller learnt. kOutOfRange: `from` is trimmed.
  // kUnavailable: no copy answered; silence is never loss.
  virtual Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) = 0;

  // Gives up all below `to`, clamped to the committed tail; exact to the record. Durable when OK.
  // Monotone and idempotent; works on a sealed loglet. The result is the trim point in force.
  virtual Task<StatusOr<Offset>> Trim(Offset to) = 0;
  virtual Offset TrimHint() = 0;

  // After OK nothing is acknowledged that was not before; the tail covers every acknowledged append
  // and falls between batches. Idempotent: the first sealer's proposal is kept and returned.
  virtual Task<StatusOr<Sealed>> Seal(std::string proposal) = 0;
};

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_LOGLET_H_
