// The only copy of one single loglet, on its home: the shell around State.
//
// Two tails: the accepted one decides where the next batch goes, so that batches pipeline; the
// durable one, in State, is the only one that is ever told to anybody.
#ifndef OWN_LOGLET_SINGLE_COPY_H_
#define OWN_LOGLET_SINGLE_COPY_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/event.h"
#include "loglets/host.h"
#include "single_core.h"
#include "single_wire.h"

namespace single {

// Thread rule: the Env's executor. What `context` names outlives it.
class Copy : public std::enable_shared_from_this<Copy> {
 public:
  Copy(vlog::loglets::HostContext context, vlog::LogletId id);

  // Makes sure that its stream is on its way into the journal.
  void Create();
  // After damage to the journal, a loglet that is not found may be one that was lost. It is sealed,
  // at the highest position that it may have given out.
  void SealIfLost();

  void Append(vlog::Batch batch, vlog::rpc::Responder respond);
  vlog::Task<vlog::StatusOr<Answer>> AwaitTail(Question question);
  vlog::Task<vlog::StatusOr<Answer>> Read(Question question);
  vlog::Task<vlog::StatusOr<Answer>> Trim(Question question);
  vlog::Task<vlog::StatusOr<Answer>> Seal(Question question);

  // It was dropped: it is sealed, trimmed, and never comes back.
  void MarkGone();
  // The node stops: nobody is kept waiting any more.
  void EndWaits();
  // Nothing of it is in the journal or on its way there.
  bool IsNothing() const { return stream_ == vlog::storage::StreamId(0); }

 private:
  const State& durable() const;
  bool closed_to_appends() const { return sealing_ > 0 || durable().sealed(); }
  Answer Standing() const;
  void Written(vlog::Offset offset, vlog::Status status, vlog::rpc::Responder respond);
  void RollBack();
  void StartSeal(std::string proposal, vlog::Offset at_least, vlog::storage::AppendDone done);

  const vlog::loglets::HostContext context_;
  const vlog::LogletId id_;
  vlog::storage::StreamId stream_;  // 0: not created yet
  bool gone_ = false;
  bool stopping_ = false;

  // Accepted, not all of it durable.
  vlog::loglets::WritersTable writers_;
  vlog::Offset tail_;
  size_t in_flight_ = 0;
  int sealing_ = 0;  // seals on their way
  // Batches that came again while the first one is on its way.
  std::multimap<vlog::Offset, vlog::rpc::Responder> duplicates_;
  // Told when the last one on its way is back.
  std::vector<std::pair<vlog::rpc::Responder, vlog::Status>> refused_;

  vlog::async::Event changed_;
};

}  // namespace single

#endif  // OWN_LOGLET_SINGLE_COPY_H_
