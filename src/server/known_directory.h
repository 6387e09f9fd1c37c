// What a node's own acceptor knows of its cluster's register: perhaps old, never wrong. Pure.
#ifndef VLOG_SERVER_KNOWN_DIRECTORY_H_
#define VLOG_SERVER_KNOWN_DIRECTORY_H_

#include <vector>

#include "metastore/paxos/acceptor_core.h"
#include "metastore/paxos/directory.h"

namespace vlog::server {

struct KnownDirectory {
  Version version;              // of the register; 0: as the cluster began
  std::vector<Replica> voters;  // on its next version; empty while the node has not joined
  metastore::Directory directory;

  bool Votes(const Replica& replica) const;
  bool IsRetired(const Replica& replica) const;
};

// One that cannot be read, of a later version of the program, counts as none.
KnownDirectory DirectoryKnownTo(const metastore::AcceptorCore& acceptor);

}  // namespace vlog::server

#endif  // VLOG_SERVER_KNOWN_DIRECTORY_H_
