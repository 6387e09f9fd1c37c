// One local loglet: the coroutine shell around LocalState.
#ifndef VLOG_LOGLETS_LOCAL_LOCAL_LOGLET_H_
#define VLOG_LOGLETS_LOCAL_LOCAL_LOGLET_H_

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "async/event.h"
#include "env/env.h"
#include "loglets/local/local_core.h"
#include "loglets/loglet.h"
#include "storage/journal.h"

namespace vlog::loglets {

// Two tails: the accepted one decides where the next batch goes, so that batches pipeline; the
// durable one, in LocalState, is the only one that is ever told.
class LocalLoglet final : public Loglet, public std::enable_shared_from_this<LocalLoglet> {
 public:
  LocalLoglet(env::Env& env, storage::Journal& journal, LogletId id, size_t most_writers);

  void Append(Batch batch, AppendDone done) override;
  Task<StatusOr<Tail>> CheckTail() override;
  Offset TailHint() override { return Offset(durable().end()); }
  Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) override;
  Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override;
  Task<StatusOr<Offset>> Trim(Offset to) override;
  Offset TrimHint() override { return Offset(durable().trim()); }
  Task<StatusOr<Sealed>> Seal(std::string proposal) override;

  storage::StreamId stream() const { return stream_; }
  // It is dead: every later call answers "gone", which means sealed.
  void MarkGone() { gone_ = true; }
  // Seals it with a tail at `at_least` or above: what is below may have been given out.
  Task<Status> WriteSeal(std::string proposal, Offset at_least);
  // Makes sure that the stream is on its way into the journal.
  void Create();

 private:
  const LocalState& durable() const;
  void AppendSeal(std::string proposal, Offset at_least, storage::AppendDone done);
  void Finish(Offset offset, StatusOr<Offset> result, AppendDone done);
  void RollBack();

  env::Env& env_;
  storage::Journal& journal_;
  LogletId id_;
  size_t most_writers_;
  storage::StreamId stream_;  // 0: not created yet
  bool gone_ = false;

  // Accepted, not all of it durable.
  WritersTable writers_;
  Offset tail_;
  int sealing_ = 0;  // seals on their way
  size_t in_flight_ = 0;
  std::multimap<Offset, AppendDone> duplicates_;        // of batches that are still on their way
  std::vector<std::pair<AppendDone, Status>> refused_;  // told when the last one on its way is back

  async::Event changed_;
};

// The result of a journal read as the contract says it.
StatusOr<ReadResult> ToReadResult(StatusOr<storage::JournalRead> read);

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_LOCAL_LOCAL_LOGLET_H_
