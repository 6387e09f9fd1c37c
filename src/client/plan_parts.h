// What plans of membership have in common. Pure; used by them only.
#ifndef VLOG_CLIENT_PLAN_PARTS_H_
#define VLOG_CLIENT_PLAN_PARTS_H_

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/membership_plan.h"

namespace vlog::client {

template <typename T>
bool Contains(const std::vector<T>& list, const T& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool HasNode(const std::vector<loglets::NodeLife>& lives, NodeId node);
// In whichever life, on whichever disk.
bool NodeServes(const ClusterView& view, NodeId node);

// "" if the view has the node; else a sentence that names those it has.
std::string WhyUnknown(const ClusterView& view, NodeId node);
// "" if the node can be given a part; else why not. REQUIRES: the view has it.
std::string WhyUnusable(const ClusterView& view, NodeId node);
// "" if the disk may count; else why it never will again.
std::string WhyRetired(const ClusterView& view, const Replica& replica);

// Moves the open segments of logs, so that each node in the end has about as many sequencers.
class LogMover {
 public:
  LogMover(const ClusterView& view, std::string reason, MembershipPlan* plan);

  // The log's open segment is to live on `nodes` next; its sequencer stays where it is if it lives
  // and is not on `avoid`. Adds what speaks against it to the plan's refusals.
  // REQUIRES: it has an open segment.
  void Move(const LogView& log, std::vector<NodeId> nodes, NodeId avoid);

 private:
  NodeId LeastLoaded(const std::vector<NodeId>& nodes);
  void Check(const LogView& log, const std::vector<NodeId>& nodes);

  const ClusterView& view_;
  const std::string reason_;
  MembershipPlan* plan_;
  std::map<NodeId, size_t> sequencers_;
};

// Lets the registers of every log and of the directory have the acceptors that `next` makes of
// those they have. Adds what speaks against it to the plan's refusals.
void MoveRegisters(const ClusterView& view,
                   const std::function<std::vector<Replica>(std::vector<Replica>)>& next,
                   MembershipPlan* plan);

// Notes whether the plan's change of members is one; refuses what the directory would refuse.
void JudgeMembers(const ClusterView& view, MembershipPlan* plan);

// Logs that nothing can be planned for. `undone`: what is left undone for them.
void NoteUnreadable(const ClusterView& view, const std::string& undone, MembershipPlan* plan);
void RefuseUnreadable(const ClusterView& view, MembershipPlan* plan);
void RefuseUnknownKinds(const ClusterView& view, MembershipPlan* plan);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_PLAN_PARTS_H_
