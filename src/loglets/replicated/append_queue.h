// The appends of one handle that are not answered yet: sent to the leader in order, several batches
// in a message, and sent again, byte for byte and in the same order, to whoever leads next, until
// one says what became of them.
//
// A leader judges by everything that it recovered, so what was sent twice is stored once. Only a
// replica that applied SEAL says "sealed"; a batch of which an earlier copy may have been taken is
// then unknown (FAULTS race 45).
#ifndef VLOG_LOGLETS_REPLICATED_APPEND_QUEUE_H_
#define VLOG_LOGLETS_REPLICATED_APPEND_QUEUE_H_

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "loglets/loglet.h"
#include "loglets/replicated/leader_search.h"

namespace vlog::loglets::replicated {

// Ends when the loglet is sealed or gone. Thread rule: the Env's executor.
class AppendQueue : public std::enable_shared_from_this<AppendQueue> {
 public:
  AppendQueue(std::shared_ptr<ReplicaClient> client, std::shared_ptr<LeaderSearch> search);
  // Once, before the first Append(): hears of leaders.
  void Start();
  // As Loglet::Append().
  void Append(Batch batch, AppendDone done);

 private:
  struct Pending {
    Batch batch;
    AppendDone done;
    int open_attempts = 0;  // those that may have reached a leader that took it
    std::optional<StatusOr<Offset>> result;
  };
  // What one message carried.
  struct Sent {
    std::vector<uint64_t> numbers;
    uint64_t epoch;
    size_t member;
  };
  Pending* Find(uint64_t number);
  void SendSoon();
  void SendReady();
  void SendOne();
  void Answered(const Sent& sent, StatusOr<ReplicaReply> reply);
  void Failed(const Sent& sent, const Status& status);
  // Whether the rest is to be sent again, and after which pause.
  enum class Next { kGoOn, kAgain, kAgainLater };
  Next Judge(const Sent& sent, uint64_t number, const AppendResult& result);
  bool FollowsUnanswered(uint64_t number) const;
  void Refuse(Pending& pending, const Status& status);
  // Sends everything again, later.
  void Break(bool at_once);
  void Resume();
  void LeaderFound();
  void WatchLeader();
  // Nothing is sent any more: what may have been stored is unknown, for the rest `why` holds.
  void EndAll(const Status& why);
  void DeliverSoon();
  void Deliver();

  std::shared_ptr<ReplicaClient> client_;
  std::shared_ptr<LeaderSearch> search_;
  std::deque<Pending> queue_;
  uint64_t first_ = 0;             // number of the front
  uint64_t unsent_ = 0;            // from this one on nothing was sent in this epoch
  uint64_t epoch_ = 0;             // answers of older ones tell only what became of a batch
  std::optional<size_t> sent_to_;  // in this epoch
  bool one_by_one_ = false;        // a message with several batches was refused as a whole
  bool sending_soon_ = false;
  bool pausing_ = false;    // a timer resumes
  bool searching_ = false;  // a leader is wanted
  int failures_ = 0;        // since the last success
  bool watching_ = false;
  Instant heard_at_;  // when the leader last answered, or owed nothing
  bool delivering_ = false;
  Status ended_;
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_APPEND_QUEUE_H_
