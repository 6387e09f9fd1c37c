// The shared log: what users call. One totally ordered, durable address space over a chain of
// loglets that are swapped live.
//
//   LSN      0 ...... trim point ........................ tail (first unwritten, exclusive)
//            trimmed    | #3 local | #4 local | #5 local (open)
#ifndef VLOG_VIRTUALLOG_SHARED_LOG_H_
#define VLOG_VIRTUALLOG_SHARED_LOG_H_

#include <memory>
#include <string>

#include "virtuallog/appender.h"
#include "virtuallog/explain.h"
#include "virtuallog/reader.h"
#include "virtuallog/reconfigurer.h"
#include "virtuallog/rehomer.h"

namespace vlog::virtuallog {

struct OpenOptions {
  // A log that does not exist is created with a first segment of this kind; "": kNotFound instead.
  std::string create_with_kind;
  loglets::Placement create_placement = {};
  // What the chain keeps for its successors; the kind is that of the first segment.
  loglets::Policy create_policy = {};
  // Nothing is written and no reconfiguration is helped along.
  bool read_only = false;
};

// Thread rule: all calls and completions on the executor of `env`, which must be serial. Env,
// metastore and factory outlive it; it outlives its handles. Calls overlap freely. Await Close()
// before destroying it.
class SharedLog {
 public:
  // kNotFound: there is no such log. kDataLoss: its chain is damaged. kInvalidArgument: bad name or
  // kind.
  static Task<StatusOr<std::unique_ptr<SharedLog>>> Open(env::Env& env,
                                                         metastore::Metastore& metastore,
                                                         loglets::LogletFactory& factory,
                                                         std::string log, OpenOptions options);

  std::unique_ptr<Appender> NewAppender(AppenderOptions options = {});
  // Reads from `from` on; below the trim point it begins with a gap.
  std::unique_ptr<Reader> NewReader(Lsn from);

  // Linearizable across swaps: above every append that was acknowledged before the call.
  Task<StatusOr<Lsn>> CheckTail();
  // Gives up all records below `to`, clamped to the tail; durable when OK. Returns the trim point
  // in force. Monotone, idempotent, exact to the record; gives whole segments back. kUnavailable:
  // perhaps only a part of it was trimmed; try again.
  Task<StatusOr<Lsn>> Trim(Lsn to);
  // The first position that is not trimmed.
  Task<StatusOr<Lsn>> TrimPoint();

  // Seals the last segment and starts another, live; see Reconfigurer.
  Task<Status> Reconfigure(ReconfigureRequest request);
  // For monitors; see Reconfigurer.
  Task<StatusOr<bool>> FailOver(SegmentIndex broken, ReconfigureRequest request, bool proven);
  // Moves the copies of a sealed segment, live; see RehomeSegment().
  Task<StatusOr<RehomeReport>> Rehome(RehomeOrder order);
  // Ends the log for good: later appends fail with kFailedPrecondition and this reason.
  Task<Status> SealLog(std::string reason);

  // The newest chain, read from the metastore now, and its version.
  Task<StatusOr<std::shared_ptr<const Chain>>> ReadChain();
  Version chain_version() const { return context_.version(); }
  // The newest chain that this process knows, and a wait for one newer than `known`.
  std::shared_ptr<const Chain> known_chain() const { return context_.chain(); }
  Task<Status> AwaitChainChange(Version known, Instant deadline) {
    return context_.AwaitChange(known, deadline);
  }

  // Where one record is and who put it there; see virtuallog::Explain().
  Task<StatusOr<Explanation>> Explain(Lsn lsn);

  const std::string& name() const { return context_.log(); }
  // Handles are closed first.
  Task<void> Close();

 private:
  SharedLog(env::Env& env, metastore::Metastore& metastore, loglets::LogletFactory& factory,
            std::string log, bool read_only);
  Task<Status> Create(OpenOptions options);
  // In the segment that holds `to`: the trim point in force there, or at least `to`.
  Task<StatusOr<Lsn>> TrimSegment(Lsn to);
  // Where its loglet is now.
  Task<StatusOr<Lsn>> TrimSegmentOnce(Segment segment, Lsn to);
  Task<Status> Truncate(Lsn to);
  // Without `ask`: as far as this process knows.
  Task<StatusOr<Lsn>> FindTrimPoint(bool ask);

  LogContext context_;
  Reconfigurer reconfigurer_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_SHARED_LOG_H_
