// Who a node is, and which life of it this is: the one file of the data directory that everything
// else in there depends on.
//
//   DIR/LOCK       held by the one process that uses the directory
//   DIR/identity   cluster, node, disk id, boot number: two copies, replaced in place
//
// The disk id is random and made when the directory is formatted. So a wiped disk comes back as
// another replica, which knows nothing and votes on nothing. The boot number grows, durably, before
// the node says anything to anybody. So a process that runs on an old copy of a disk repeats a
// number that others have seen, and is refused (FAULTS 9, 25, 26).
#ifndef VLOG_SERVER_NODE_IDENTITY_H_
#define VLOG_SERVER_NODE_IDENTITY_H_

#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "env/env.h"
#include "storage/state_file.h"

namespace vlog::server {

struct NodeIdentity {
  ClusterId cluster;
  std::string cluster_name;  // for messages only
  NodeId node;
  DiskId disk;
  Incarnation incarnation;  // 0: formatted and never started
  // A journal lies beside it, and may hold what this replica promised: without it the disk is lost.
  bool has_journal = false;

  Replica replica() const { return Replica{node, disk}; }
  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

// What the operator says that the directory is.
struct ExpectedIdentity {
  NodeId node;
  std::optional<ClusterId> cluster;  // none: whatever the directory says
};

struct FormatRequest {
  NodeId node;
  std::string cluster_name;
  std::optional<ClusterId> cluster;  // none: the first node of a new cluster
};

// Formats the disk's root, which is created if it does not exist and must be empty; what a crashed
// call left behind does not count, nor does "lost+found".
//   OK                durable; incarnation 0
//   kAlreadyExists    it is formatted already, or a process uses it; the message says by whom
//   kInvalidArgument  it holds other files
//   others            unknown: call it again
Task<StatusOr<NodeIdentity>> FormatDataDirectory(env::Env& env, FormatRequest request);

// A data directory in use. Thread rule: the Env's executor. The Env outlives it.
class DataDirectory {
 public:
  // Takes the lock and makes the next boot number durable; only then may the node serve.
  //   kNotFound         not formatted: empty, wiped, or never finished
  //   kInvalidArgument  of another node or cluster, or of a format that this program does not know
  //   kDataLoss         it holds files and no identity, or the identity is damaged
  //   kAlreadyExists    another process uses it
  // Each says what to do. None but the last kind of failure (of the disk itself) changes anything.
  static Task<StatusOr<std::unique_ptr<DataDirectory>>> Open(env::Env& env,
                                                             ExpectedIdentity expected);

  const NodeIdentity& identity() const { return identity_; }

  // kDataLoss if there was a journal in the folder `name` and it is gone: an empty one in its place
  // would have forgotten what this replica promised.
  Task<Status> CheckJournal(std::string name);
  // There is a journal now; before anything that is in it counts. OK: durable.
  Task<Status> NoteJournal();

 private:
  explicit DataDirectory(env::Env& env) : env_(env) {}

  env::Env& env_;
  NodeIdentity identity_;
  std::unique_ptr<env::DiskLock> lock_;
  std::unique_ptr<storage::StateFile> file_;
};

// The identity in a directory, beside a process that uses it or not; takes no lock and changes
// nothing. Errors as of Open().
Task<StatusOr<NodeIdentity>> ReadIdentity(env::Env& env);

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_IDENTITY_H_
