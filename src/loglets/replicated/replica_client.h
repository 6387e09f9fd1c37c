// What all parts of one opened loglet share: whom it talks to, and what it has learnt.
#ifndef VLOG_LOGLETS_REPLICATED_REPLICA_CLIENT_H_
#define VLOG_LOGLETS_REPLICATED_REPLICA_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "async/event.h"
#include "env/env.h"
#include "loglets/replicated/params.h"
#include "loglets/replicated/wire.h"
#include "rpc/peers.h"

namespace vlog::loglets::replicated {

struct ClientTiming {
  // One append; a leader that loses its followers answers earlier.
  Duration append = std::chrono::seconds(2);
  // A leader that owes answers for so long: the others are asked whether it still leads.
  Duration doubt = std::chrono::milliseconds(100);
  // Between two attempts to append; doubles from the first to the second.
  Duration min_backoff = std::chrono::milliseconds(10);
  Duration max_backoff = std::chrono::milliseconds(200);
  // How long a replica keeps a client that looks for a leader, and the pause between two rounds.
  Duration campaign = std::chrono::milliseconds(100);
  Duration pause = std::chrono::milliseconds(10);
  // One question to one replica that answers at once.
  Duration answer = std::chrono::milliseconds(400);
  // One question to a leader, and how long anybody who leads is waited for.
  Duration lead = std::chrono::milliseconds(300);
  Duration tail_check = std::chrono::seconds(1);
  Duration seal = std::chrono::seconds(5);
  // How long a replica keeps a reader that waits for news.
  Duration watch = std::chrono::milliseconds(200);
  Duration read = std::chrono::seconds(1);
  Duration trim = std::chrono::seconds(2);
  // For those beyond the W replicas that hold a trim, and for all when a loglet is opened.
  Duration grace = std::chrono::milliseconds(100);
};

using ReplyDone = absl::AnyInvocable<void(StatusOr<ReplicaReply>)>;

// Thread rule: the Env's executor. Env and peers outlive it.
class ReplicaClient : public std::enable_shared_from_this<ReplicaClient> {
 public:
  // `base`: of the kind's methods.
  ReplicaClient(env::Env& env, rpc::Peers& peers, rpc::Method base, LogletId id, Params params,
                ClientTiming timing);

  // --- What is known, by whatever message ---

  // Everything below is committed; never goes back.
  Offset known_tail() const { return known_tail_; }
  // SEAL is applied somewhere, or the loglet is gone.
  bool sealed() const { return sealed_; }
  void LearnTail(Offset committed);
  void LearnSealed();
  // Notified when the known tail grows or the seal is seen.
  async::Event& changed() { return changed_; }
  // The trim point in force: durable on W replicas.
  Offset trim_in_force() const;
  // The highest point that any replica holds: a handle that saw a record trimmed there shows
  // nothing below it any more.
  Offset highest_trim() const;

  // --- Calls ---

  // None is made any more once the process stops: kCancelled. What a replica says is learnt. A
  // member on another disk answers kLost; any error means that there is no answer: kUnknown, it may
  // have been carried out. `done` runs later, on a crash never.
  void Ask(size_t member, Verb verb, ReplicaRequest request, Duration patience, ReplyDone done);
  Task<StatusOr<ReplicaReply>> Run(size_t member, Verb verb, ReplicaRequest request,
                                   Duration patience);

  Instant Now() const { return env.scheduler().Now(); }
  NodeId NodeOf(size_t member) const { return params.members[member].replica.node; }
  size_t members() const { return params.members.size(); }

  env::Env& env;
  rpc::Peers& peers;
  const rpc::Method base;
  const LogletId id;
  const Params params;
  const std::string encoded_params;
  const ClientTiming timing;

 private:
  void Learn(size_t member, const Word& word);
  StatusOr<ReplicaReply> Take(size_t member, Verb verb, StatusOr<rpc::Reply> reply);

  Offset known_tail_;
  bool sealed_ = false;
  std::vector<Offset> trims_;  // by member
  async::Event changed_;
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_REPLICA_CLIENT_H_
