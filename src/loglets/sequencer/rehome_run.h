// One re-homing of a sealed loglet: copies what is not trimmed of it onto its new servers.
//
//        b     trim                                 end, as the chain says
//        |== batch ==|= batch =| ... |=== batch ===|       read from old and new servers together,
//          trimmed     copied                              written to those of the new home
//
//   seal all (a server that never heard of it makes it, sealed) -> trim those behind to b
//     -> RepairCore over [b, end), with b as known tail -> trim all that hold it to the trim point
//
// Rules: nothing above the end is copied, for a server may hold what the chain excludes; batches go
// only to sealed servers, whole, in order, and no answer acknowledges anything to a writer (FAULTS
// R5); what is trimmed stays trimmed. All of it may be repeated: what is there is not copied again.
#ifndef VLOG_LOGLETS_SEQUENCER_REHOME_RUN_H_
#define VLOG_LOGLETS_SEQUENCER_REHOME_RUN_H_

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "loglets/sequencer/loglet_client.h"
#include "loglets/sequencer/rehome_core.h"

namespace vlog::loglets::sequencer {

struct RehomeTiming {
  RepairOptions repair{1 << 20, std::chrono::seconds(2), std::chrono::milliseconds(300)};
  // Between two reads of repair.chunk_bytes: what a re-homing leaves of disks and links to others.
  Duration pace = std::chrono::milliseconds(20);
  Duration answer = std::chrono::seconds(2);  // to a seal or a trim
};

struct RehomeResult {
  uint64_t bytes = 0;       // of bodies, that were sent to servers
  std::vector<bool> holds;  // by server of the new home: it has all of it, and the trim point
};

// Thread rule: the Env's executor. One object a re-homing. Bodies in memory: one chunk that is read
// and the copies of it that are on their way.
class RehomeRun : public std::enable_shared_from_this<RehomeRun> {
 public:
  // `client`: of the loglet on all servers: those of `home` in their order, then those that leave.
  // `give_up`: see RehomeRequest.
  RehomeRun(std::shared_ptr<LogletClient> client, Home home, Offset end, RehomeTiming timing,
            std::function<bool()> give_up);
  // The loglet's parameters for that.
  static Params Union(const Home& home);

  // OK: as the result says; at least one server holds all, and each that is new does. Errors as
  // LogletKind::Rehome().
  static Task<StatusOr<RehomeResult>> Run(std::shared_ptr<RehomeRun> self);

 private:
  enum class Outcome { kDone, kAgain };
  Task<StatusOr<Outcome>> Attempt();
  // Words of all that are sealed now.
  Task<Status> SealAll();
  // Where the batch that covers `trim` begins.
  Task<StatusOr<Offset>> FindBegin(Offset trim);
  Task<Status> TrimBehind(Offset begin);
  Task<StatusOr<Outcome>> Copy(Offset begin, Offset trim);
  Task<Status> TrimHolders(Offset end);
  Task<Status> AwaitAnswers();
  template <typename Request>
  void Ask(size_t server, rpc::Method method, const Request& request);
  void Pump();
  void Send(RepairCore::Write write);
  void Send(RepairCore::Read read);
  void Moved();
  bool member(size_t server) const { return server < home_.params.replica_count(); }
  DiskId DiskOf(size_t server) const { return client_->params.replicas[server].disk; }

  std::shared_ptr<LogletClient> client_;
  const Home home_;
  const Offset end_;
  const RehomeTiming timing_;
  const std::function<bool()> give_up_;
  std::vector<std::optional<ServerWord>> words_;  // of sealed servers; none: it gave no answer
  bool gone_ = false;                             // somebody said so
  size_t waiting_ = 0;
  int attempt_ = 0;  // answers of an earlier one count no more
  std::optional<RepairCore> repair_;
  Instant read_at_;  // the next read is not sent before
  RehomeResult result_;
  async::Event moved_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_REHOME_RUN_H_
