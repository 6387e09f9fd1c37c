// The calls of one channel that have no reply yet, and their deadlines: one timer for all of them.
#ifndef VLOG_RPC_CALL_TABLE_H_
#define VLOG_RPC_CALL_TABLE_H_

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "async/scheduler.h"
#include "rpc/channel.h"

namespace vlog::rpc {

// Thread rule: the scheduler's executor, which outlives it. Completions run at the end of the
// methods that cause them and may do anything, even destroy the channel.
class CallTable : public std::enable_shared_from_this<CallTable> {
 public:
  explicit CallTable(async::Scheduler& scheduler) : scheduler_(scheduler) {}

  // OK if a call of so many bytes may be made now; `unsent`: bytes that wait below the channel.
  Status Admit(const Call& call, const ChannelLimits& limits, size_t unsent) const;
  // The id of the new call.
  uint64_t Add(const Call& call, CallDone done);
  // It may be on its way from now on: it no longer ends as "not sent".
  void MarkSent(uint64_t id);
  // Nothing happens if the call has ended already: a late reply.
  void Finish(uint64_t id, StatusOr<Reply> result);
  // Every call that was sent ends kUnknown, every other kUnavailable; `why` says the rest.
  void FailAll(const Status& why);
  // Ends all with `why` itself.
  void CancelAll(const Status& why);

  bool Has(uint64_t id) const { return calls_.contains(id); }
  size_t bytes() const { return bytes_; }
  size_t size() const { return calls_.size(); }

 private:
  struct Entry {
    CallDone done;
    Instant deadline;
    size_t bytes = 0;
    bool sent = false;
  };
  Entry Take(std::map<uint64_t, Entry>::iterator it);
  void Arm();
  void Expire();

  async::Scheduler& scheduler_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Entry> calls_;
  std::set<std::pair<Instant, uint64_t>> deadlines_;
  size_t bytes_ = 0;
  Instant armed_ = Instant::Max();
};

// `why` as the end of a call that may have been sent, or certainly was not; keeps its Disconnect
// and Refusal.
Status UnknownFate(const Status& why);
Status NotSent(const Status& why);

// Run() of a channel, made of its Start(): `start` is called once, when the task is first run.
Task<StatusOr<Reply>> RunCall(async::Scheduler& scheduler,
                              absl::AnyInvocable<void(CallDone)> start);

}  // namespace vlog::rpc

#endif  // VLOG_RPC_CALL_TABLE_H_
