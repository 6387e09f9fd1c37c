// Who leads a replicated loglet, as one opened handle knows it, and the search when nobody is known
// to: all who may lead, that is the members that serve, are told that a client waits, and keep the
// question until somebody leads.
#ifndef VLOG_LOGLETS_REPLICATED_LEADER_SEARCH_H_
#define VLOG_LOGLETS_REPLICATED_LEADER_SEARCH_H_

#include <functional>
#include <memory>
#include <optional>

#include "loglets/replicated/replica_client.h"

namespace vlog::loglets::replicated {

// Only a hint: whoever does not lead says so, and nothing but time is lost. Of a sealed loglet each
// replica that applied SEAL is as good as a leader.
//
// Thread rule: the Env's executor.
class LeaderSearch : public std::enable_shared_from_this<LeaderSearch> {
 public:
  explicit LeaderSearch(std::shared_ptr<ReplicaClient> client);

  // The member that leads; at first the one that is meant to. None: see Want().
  std::optional<size_t> leader() const { return leader_; }
  // Searches, round after round, as long as somebody wants a leader and none is known. Each Want()
  // ends with a Release().
  void Want();
  void Release() { --wanted_; }
  // Runs when a leader was found, inside whatever brought the news. At most one; null: none.
  void OnFound(std::function<void()> found) { on_found_ = std::move(found); }

  // `member` answered as leader.
  void Worked(size_t member);
  // `member` does not lead, or did not answer; `hint`: who leads, as it says.
  void Failed(size_t member, NodeId hint = NodeId());
  // The leader owes an answer: asks the others whether somebody else leads by now.
  void Doubt();
  // Tells all members that serve that a client waits, whoever leads: those that are behind get to
  // hear of what was decided.
  void Poke() { Ask(std::nullopt); }

  // Asks the leader, whoever that is, until `bound` has passed: then kUnavailable, with the reason.
  // OK with kOk or kGone. kInvalidArgument; kCancelled.
  static Task<StatusOr<ReplicaReply>> AskLeader(std::shared_ptr<LeaderSearch> self, Verb verb,
                                                ReplicaRequest request, Duration bound);

 private:
  void Begin();
  void Ask(std::optional<size_t> at_once);
  void Heard(size_t member, uint64_t round, const StatusOr<ReplicaReply>& reply);
  void Found(size_t member);
  void EndRound();
  // Answers to what was asked so far tell nothing any more.
  void ForgetRound() { ++round_, asking_ = 0; }

  std::shared_ptr<ReplicaClient> client_;
  std::optional<size_t> leader_;
  std::optional<size_t> failed_;  // the one that did not work last
  size_t hints_followed_ = 0;     // since somebody worked
  int wanted_ = 0;
  async::Event found_;
  std::function<void()> on_found_;

  uint64_t round_ = 0;               // answers to older ones tell nothing of this one
  size_t asking_ = 0;                // members of this round that have not answered
  bool pausing_ = false;             // between two rounds
  bool quiet_ = true;                // nobody in this round knew any leader
  bool heard_ = false;               // somebody answered in this round
  int silent_rounds_ = 0;            // in which nobody did, up to a few
  std::optional<size_t> volunteer_;  // of those, the one that is to campaign at once next
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_LEADER_SEARCH_H_
