// What all parts of one opened loglet share: whom it talks to, and what it has learnt.
#ifndef VLOG_LOGLETS_SEQUENCER_LOGLET_CLIENT_H_
#define VLOG_LOGLETS_SEQUENCER_LOGLET_CLIENT_H_

#include <memory>
#include <string>

#include "async/event.h"
#include "env/env.h"
#include "loglets/sequencer/seal_core.h"
#include "loglets/sequencer/tail_check_core.h"
#include "loglets/sequencer/trim_core.h"
#include "loglets/sequencer/wire.h"
#include "rpc/peers.h"

namespace vlog::loglets::sequencer {

struct ClientTiming {
  TailCheckOptions tail_check;
  SealOptions seal;
  // One append; the sequencer gives up earlier.
  Duration append = std::chrono::seconds(1);
  // Between two attempts to append; doubles from the first to the second.
  Duration min_backoff = std::chrono::milliseconds(10);
  Duration max_backoff = std::chrono::milliseconds(200);
  // One question to one log server that answers at once.
  Duration answer = std::chrono::milliseconds(400);
  // How long a log server keeps a reader that waits for news.
  Duration watch = std::chrono::milliseconds(200);
  // A log server that heard nothing of the sequencer for so long may lag: readers go to another.
  Duration stale = std::chrono::milliseconds(50);
  // How long an appender that was idle waits for a log server to tell the tail.
  Duration refresh = std::chrono::milliseconds(20);
  Duration trim = std::chrono::seconds(2);
  // For those beyond the W servers that hold a trim, and for all when a loglet is opened.
  Duration grace = std::chrono::milliseconds(100);
};

using ServerDone = absl::AnyInvocable<void(StatusOr<ServerAnswer>)>;
using ReadDone = absl::AnyInvocable<void(StatusOr<ReadReply>)>;

// Thread rule: the Env's executor. Env and peers outlive it.
class LogletClient : public std::enable_shared_from_this<LogletClient> {
 public:
  LogletClient(env::Env& env, rpc::Peers& peers, LogletId id, Params params, ClientTiming timing);

  // --- What is known, by whatever message ---

  // Everything below is committed; never goes back.
  Offset known_tail() const { return known_tail_; }
  // Some log server has sealed it: at least a seal is on its way.
  bool sealed() const { return sealed_; }
  TrimCore& trims() { return trims_; }
  void LearnTail(Offset committed);
  void LearnSealed();
  // Notified when the known tail grows or the seal is seen.
  async::Event& changed() { return changed_; }

  // --- Calls ---

  // None is made any more once the process stops: kCancelled.

  // Asks log server `server`; what it says is learnt. Another disk answers kWrongDisk; any error
  // means that there is no answer. `done` runs later, on a crash never.
  template <typename Request>
  void Ask(size_t server, rpc::Method method, const Request& request, Duration patience,
           ServerDone done) {
    Start(server, method, Encode(id, request), patience, std::move(done));
  }
  // The same for a read.
  void AskRead(size_t server, ReadRequest request, ReadDone done);
  Task<StatusOr<ReadReply>> Read(size_t server, ReadRequest request);
  void AskSequencer(rpc::Method method, Batch batch, std::string proposal, Duration patience,
                    rpc::CallDone done);

  Instant Now() const { return env.scheduler().Now(); }

  env::Env& env;
  rpc::Peers& peers;
  const LogletId id;
  const Params params;
  const std::string encoded_params;
  const ClientTiming timing;

 private:
  void Start(size_t server, rpc::Method method, rpc::Message message, Duration patience,
             ServerDone done);
  void Learn(size_t server, const ServerWord& word);
  void Call(NodeId node, rpc::Call call, rpc::CallDone done);

  Offset known_tail_;
  bool sealed_ = false;
  TrimCore trims_;
  async::Event changed_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_LOGLET_CLIENT_H_
