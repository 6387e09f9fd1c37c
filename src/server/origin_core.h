// How the nodes of a new cluster agree on who votes first: what one node decides from what the
// others say. Pure.
//
// --init makes each disk's id at random, so no configuration can name the first acceptors: they are
// {node, disk}. All nodes must have the same list, for ever, or two majorities would vote on one
// register. Hence one node settles it, the one with the lowest number, and only after it has heard
// from every configured node that none of them has a list yet. It makes the list durable and only
// then tells it; the others take it from whoever has it. A node whose disk was replaced, and one
// that joins later, find it with the others in the same way.
#ifndef VLOG_SERVER_ORIGIN_CORE_H_
#define VLOG_SERVER_ORIGIN_CORE_H_

#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "server/node_wire.h"

namespace vlog::server {

struct OriginAnswer {
  DiskId disk;  // of the node that answered, by its handshake
  Origin origin;
};

struct OriginVerdict {
  // What this node makes durable; empty: nothing yet.
  std::vector<Replica> first_acceptors;
  bool settled_here = false;  // this node made the list
  // Why not yet, for the operator: who is missing, or what is wrong.
  std::string waiting;
  // `waiting` needs the operator; time alone will not help.
  bool conflict = false;
};

// What `self` concludes from one round of answers. `configured`: the nodes of its configuration,
// itself included, sorted. `answers`: of other nodes only, all from this round; those that are
// missing did not answer.
OriginVerdict SettleOrigin(const Replica& self, const std::vector<NodeId>& configured,
                           const std::map<NodeId, OriginAnswer>& answers);

}  // namespace vlog::server

#endif  // VLOG_SERVER_ORIGIN_CORE_H_
