// Tells the lives of a node apart, and an old copy of its disk from a life that goes on. Pure.
//
// A node's boot number grows with each start, durably, before the node says anything. So of two
// different processes that call themselves one replica, the one with the lower or the equal number
// runs on an old state of the disk (a snapshot, a copied folder, a restored machine) or speaks from
// the past. It is never believed: it would have forgotten what it promised (FAULTS 25).
#ifndef VLOG_SERVER_NODE_LIFE_H_
#define VLOG_SERVER_NODE_LIFE_H_

#include <string>

#include "base/ids.h"
#include "base/status.h"

namespace vlog::server {

using ProcessId = Id<struct ProcessIdTag>;  // random, drawn when a process starts; never stored

struct NodeLife {
  Replica replica;
  Incarnation incarnation;
  ProcessId process;
  friend bool operator==(const NodeLife&, const NodeLife&) = default;
};

// "node 3 (disk 00000000deadbeef, boot 7)"
std::string Describe(const NodeLife& life);

enum class LifeChange {
  kSame,   // the process that is known
  kNewer,  // it has started again since: forget what was assumed of the old process
};

// Judges `seen`, which now calls itself by the number of the node `known`, the newest life that was
// seen of it. REQUIRES: both name the same node.
// kAborted: refuse it, and keep `known`; the message says what an operator should do.
//   - another disk: the node's disk was replaced or wiped
//   - a lower or equal boot number from another process: an old copy of the disk, or a message that
//     was on its way while the node started again
//   - another boot number from the same process: cannot be, so the frame is not believed
StatusOr<LifeChange> CompareLives(const NodeLife& known, const NodeLife& seen);

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_LIFE_H_
