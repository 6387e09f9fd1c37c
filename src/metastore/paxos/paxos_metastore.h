// The replicated metastore, as a client or a node uses it: registers that nodes of the cluster vote
// on (DESIGN 7). No node is special and no service is needed beside them.
#ifndef VLOG_METASTORE_PAXOS_PAXOS_METASTORE_H_
#define VLOG_METASTORE_PAXOS_PAXOS_METASTORE_H_

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "metastore/metastore.h"
#include "metastore/paxos/directory.h"
#include "metastore/paxos/register_client.h"

namespace vlog::metastore {

struct PaxosMetastoreOptions {
  // 0: of whichever seed answers first. Another cluster's nodes are refused.
  ClusterId cluster;
  // Nodes to ask first, with addresses in the Peers; any one that lives will do, it tells the
  // rest.
  std::vector<NodeId> seeds;
  // This process' node, for ballots in messages; 0 for a client.
  NodeId node;
  // How long a call tries before it ends in kUnavailable or kUnknown. A write that may have been
  // proposed goes on in the background until its slot is decided.
  Duration patience = std::chrono::seconds(10);
  // How long one watch of AwaitChange() stays at the acceptors.
  Duration watch = std::chrono::seconds(5);
  size_t max_value_bytes = 1 << 20;
  RegisterTiming timing;
};

// Logs are many, each a register of its own; the directory, one more register, says which there
// are. A log is created by its first Write(): one compare-and-set in the directory, one in its own
// register. A name whose creation did not finish may be in List() while Read() says kNotFound.
//
// Thread rule: the Env's executor. Env and peers outlive it; Close() is awaited before it is
// destroyed (a crash drops all of them).
class PaxosMetastore final : public Metastore {
 public:
  PaxosMetastore(env::Env& env, rpc::Peers& peers, PaxosMetastoreOptions options);
  ~PaxosMetastore() override;

  Task<StatusOr<Versioned>> Read(std::string log) override;
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override;
  Task<Status> Reserve(std::string log, Version expected) override;
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) override;
  // Without another read: the acceptors tell the value with the news.
  Task<StatusOr<Versioned>> AwaitNewer(std::string log, Version known, Instant deadline) override;
  void EndWaits(const std::string& log) override;
  Task<StatusOr<std::vector<std::string>>> List() override;

  // Moves a log's register, or the directory's (kDirectoryLog), to other acceptors: a version more
  // with the same value. OK: a majority of the new ones knows it and the directory names them; the
  // former may go when all their registers have moved. kAborted: the version is not `expected`.
  // kUnavailable: no majority of the new ones answers, nothing was changed. kUnknown: may have
  // moved; call again with the version that Read() tells.
  Task<StatusOr<Version>> ChangeAcceptors(std::string log, std::vector<Replica> acceptors,
                                          Version expected);
  // Who votes on logs that are created from now on; and where nodes listen, merged into what is
  // known. kUnavailable, kUnknown: call again.
  Task<Status> SetDefaultAcceptors(std::vector<Replica> acceptors,
                                   std::map<NodeId, std::string> addresses);
  // The same, relative to whatever the directory says then, so that two operators do not undo each
  // other's work; and which disks are retired. Idempotent. kUnavailable, kUnknown: call again.
  // kFailedPrecondition, kInvalidArgument as Change(): nothing was changed.
  Task<Status> ChangeMembers(MemberChange change);
  // The directory as it is now.
  Task<StatusOr<Directory>> ReadDirectory();
  // The nodes of its default acceptors.
  Task<StatusOr<std::vector<NodeId>>> NodesInService();
  // The version and the acceptors of the next one; of kDirectoryLog as well.
  Task<StatusOr<Anchor>> ReadAcceptors(std::string log);

  // Ends all calls, settles nothing more, waits for what runs.
  Task<void> Close();

 private:
  // A write that nobody waits for any more, though it may win: its caller was told kUnknown and
  // may come back for it.
  struct Orphan {
    std::string log;
    Version expected;
    std::string user;
    std::shared_ptr<RunningOperation> operation;
  };

  Instant Patience() const { return env_.scheduler().Now() + options_.patience; }
  Status CheckCall(const std::string& log) const;

  // Finding registers; in register_lookup.cc.
  Task<Status> Join(Instant deadline);
  Status TakeInfo(const NodeInfo& info);
  Task<StatusOr<Chosen>> Locate(std::string log, Instant deadline);
  Task<StatusOr<Chosen>> LocateByAnchor(std::string log, Anchor anchor, Instant deadline);
  Task<StatusOr<Chosen>> ReadDirectoryRegister(Instant deadline);
  StatusOr<Directory> Decode(const Chosen& chosen) const;
  Task<Status> ChangeDirectory(std::function<bool(Directory&)> change, Instant deadline);
  Task<Status> CreateLog(std::string log, Instant deadline);
  Task<Status> MoveAnchor(std::string log, Anchor anchor, Instant deadline);
  Task<Status> CheckReachable(std::vector<Replica> acceptors);
  void Learn(const std::string& log, const Chosen& chosen);
  void Forget(const std::string& log);

  // One register.
  Task<StatusOr<Chosen>> ReadLog(std::string log, Instant deadline);
  Task<StatusOr<Chosen>> ReadRegister(std::string log, Chosen known, Instant deadline);
  Task<StatusOr<Version>> WriteRegister(std::string log, Chosen known, WriteProposal proposal,
                                        Instant deadline);
  Task<StatusOr<Version>> Finish(std::string log, std::string user, Version expected,
                                 std::shared_ptr<RunningOperation> operation, Instant deadline);
  std::shared_ptr<RunningOperation> TakeOrphan(const std::string& log, const std::string& user,
                                               Version expected);
  void TakeReservation(const std::string& log, RunningOperation& operation);
  uint64_t EndsOf(const std::string& log) const;
  Task<Status> AwaitRegister(std::string log, Version known, Instant deadline);

  env::Env& env_;
  const PaxosMetastoreOptions options_;
  std::shared_ptr<RegisterContext> context_;
  std::map<std::string, Chosen> known_;   // the newest decided version of each log in use
  std::vector<Replica> first_acceptors_;  // of the directory; empty until joined
  std::map<std::string, Reservation> reserved_;
  std::map<std::string, std::shared_ptr<RunningOperation>> reserving_;  // under way
  std::list<Orphan> orphans_;                                           // oldest first
  std::map<uint64_t, std::shared_ptr<News>> watches_;                   // under way, by number
  uint64_t next_watch_ = 0;
  // Reads that are under way, by log; and how often each log's waits were ended.
  std::multimap<std::string, std::shared_ptr<RunningOperation>> reads_;
  std::map<std::string, uint64_t> ends_;
  async::TaskGroup tasks_;
};

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_PAXOS_METASTORE_H_
