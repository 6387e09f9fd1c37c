// The value of the cluster's own register: which logs there are and who votes on them. Pure.
#ifndef VLOG_METASTORE_PAXOS_DIRECTORY_H_
#define VLOG_METASTORE_PAXOS_DIRECTORY_H_

#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace vlog::metastore {

// Where a log's register is found: these acceptors vote on slot version + 1, and a majority of them
// knows the value of `version`. Any anchor that was ever true stays good while a majority of its
// acceptors lives, because former acceptors keep their floor.
struct Anchor {
  Version version;
  std::vector<Replica> acceptors;
  friend bool operator==(const Anchor&, const Anchor&) = default;
};

// A log that is not here does not exist: it gets its anchor, for version 0, before its first write,
// so that two creators never vote in two places. Creation is thus one compare-and-set here.
struct Directory {
  std::vector<Replica> default_acceptors;  // of logs that are created from now on
  std::map<std::string, Anchor> logs;
  // Where nodes listen, "host:port", as the operator said last; a hint.
  std::map<NodeId, std::string> addresses;
  // Disks that were replaced: a node that comes back with one of them is refused. Sorted.
  std::vector<Replica> retired;
  friend bool operator==(const Directory&, const Directory&) = default;
};

// What an operator changes about who belongs to the cluster.
struct MemberChange {
  std::vector<Replica>
      join;  // vote on logs created from now on; in place of their nodes' old disks
  std::vector<Replica> leave;   // do not
  std::vector<Replica> retire;  // leave, for good
  std::map<NodeId, std::string> addresses;
};
// The directory after that; the same once it is done. kFailedPrecondition: nobody would be left to
// vote, or a disk would join that was retired. kInvalidArgument: a node would vote twice.
StatusOr<Directory> Change(Directory directory, const MemberChange& change);

std::string EncodeDirectory(const Directory& directory);
// "" is the directory of a cluster where nothing was written yet; its acceptors are `first`.
// kDataLoss, kInvalidArgument as DecodeRegisterValue().
StatusOr<Directory> DecodeDirectory(std::string_view data, const std::vector<Replica>& first);

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_DIRECTORY_H_
