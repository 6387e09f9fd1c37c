// One loglet on one log server: the shell around LogServerCore that writes its journal entries,
// reads them back, keeps its clock and answers its requests.
#ifndef VLOG_LOGLETS_SEQUENCER_SERVED_LOGLET_H_
#define VLOG_LOGLETS_SEQUENCER_SERVED_LOGLET_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "async/task_group.h"
#include "loglets/host.h"
#include "loglets/sequencer/log_server_core.h"
#include "loglets/sequencer/wire.h"

namespace vlog::loglets::sequencer {

// What all served loglets of a node share; outlives them.
struct ServingContext {
  explicit ServingContext(const HostContext& host)
      : env(host.env),
        journal(host.journal),
        disk(host.peers.identity().disk),
        tasks(host.env.scheduler()) {}

  env::Env& env;
  storage::Journal& journal;
  const DiskId disk;
  async::TaskGroup tasks;  // those that read the journal
  bool closing = false;
  // Lets go of a loglet that became forgettable while nobody asked for it. May be null.
  std::function<void(const LogletId&)> forget;
};

// Each request gets one answer, later or inside the call. After the journal has stopped for good
// none comes any more: the node stops.
//
// Thread rule: the Env's executor.
class ServedLoglet : public std::enable_shared_from_this<ServedLoglet> {
 public:
  ServedLoglet(std::shared_ptr<ServingContext> context, LogletId id);
  // Takes up what the journal has. REQUIRES: once, before anything else. `new_for_sure`: this
  // loglet has never stored anything anywhere. Without that, one that is not found in a journal
  // that lost entries counts as one that was lost with them, and is sealed.
  void Recover(bool new_for_sure);

  void Store(StoreRequest request, rpc::Responder respond);
  void Seal(SealRequest request, rpc::Responder respond);
  void Repair(RepairRequest request, rpc::Responder respond);
  void Trim(TrimRequest request, rpc::Responder respond);
  void Tail(TimedTailRequest request, rpc::Responder respond);
  void Read(ReadRequest request, rpc::Responder respond);
  // Makes sure that its stream is on its way into the journal.
  void Create();
  // It was dropped: everybody is told, now and from now on.
  void MarkGone();
  // Tells those who wait how it stands now.
  void Release();

  // Nothing would be forgotten if this object went away.
  bool forgettable() const;
  const LogServerCore& core() const { return core_; }

 private:
  struct Asked {
    rpc::Responder respond;
    bool send_held = false;    // with the answer: what is not known to be committed
    async::TimerId timer = 0;  // ends a wait
  };
  ReplyTo Expect(rpc::Responder respond, bool send_held = false);
  void Flush();
  void Persist(LogServerCore::Persist persist);
  void Persisted(Ticket ticket, bool trim, const Status& status);
  void Answer(const LogServerCore::Reply& reply);
  void Expire(ReplyTo to);
  ServerAnswer Now(ServerWord word) const;
  bool Fits(const std::vector<PlacedBatch>& batches) const;
  static Task<void> AnswerSeal(std::shared_ptr<ServedLoglet> self, ServerWord word,
                               rpc::Responder respond);
  static Task<void> AnswerRead(std::shared_ptr<ServedLoglet> self, ReadRequest request,
                               rpc::Responder respond);
  Task<StatusOr<ReadReply>> ReadJournal(ReadRequest request, Offset until);

  std::shared_ptr<ServingContext> context_;
  const LogletId id_;
  storage::StreamId stream_;  // 0: not created yet
  LogServerCore core_;
  std::map<ReplyTo, Asked> asked_;
  ReplyTo next_reply_ = 1;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SERVED_LOGLET_H_
