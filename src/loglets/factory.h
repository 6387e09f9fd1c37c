// Kinds of loglets, by name. The virtual log knows a kind only through this.
#ifndef VLOG_LOGLETS_FACTORY_H_
#define VLOG_LOGLETS_FACTORY_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "loglets/loglet.h"

namespace vlog::loglets {

// Where a new loglet is to live. What is left empty the kind chooses, near to the predecessor.
struct Placement {
  std::vector<NodeId> nodes;  // that hold copies
  uint32_t write_quorum = 0;  // copies before an acknowledgement
  NodeId sequencer;           // of kinds that have one; else who leads first
  // What only this kind understands, in its own words: who does what ("acceptors=1,2"). "": as the
  // predecessor, if that is of the same kind.
  std::string options = {};
};

// What an operator wants of all loglets of a log, whichever nodes live at the moment. The chain
// carries it for successors that nobody asked for; what is 0 or empty the kind chooses.
struct Policy {
  std::string kind;
  uint32_t copies = 0;        // N
  uint32_t write_quorum = 0;  // W
  // With W of its nodes not to be had a successor may do with so many, never with fewer; 0: with W.
  uint32_t least_copies = 0;
  std::vector<NodeId> candidates;  // hold the copies as long as they can, the preferred first
  std::string options = {};        // as Placement::options; of `kind` and no other
  friend bool operator==(const Policy&, const Policy&) = default;
};

struct ProposeRequest {
  Placement wish;
  Policy policy = {};  // where the wish is silent
  // The segment that the new one follows; "" for a new log.
  std::string previous_kind;
  std::string previous_params;
};

// For kinds that understand none: kInvalidArgument if the request has options for this kind.
Status RefuseOptions(const std::string& kind, const ProposeRequest& request);

// The nodes that may be given new work, asked anew each time: not those that an operator drained.
using NodesInService = std::function<Task<StatusOr<std::vector<NodeId>>>()>;

// One life of a node on one disk; incarnation or disk 0: whichever it has now.
struct NodeLife {
  NodeId node;
  Incarnation incarnation;
  DiskId disk;
  friend constexpr auto operator<=>(const NodeLife&, const NodeLife&) = default;
};

// Without whom a loglet takes no appends.
struct Needs {
  std::vector<NodeLife> all_of;   // each of them: a sequencer that cannot be replaced
  std::vector<NodeLife> some_of;  // `least` of them: copies
  size_t least = 0;
  // Copies that count in no quorum: without them appends go on, and readers have fewer to ask.
  std::vector<NodeLife> beside = {};
  size_t write_quorum = 0;  // copies before an acknowledgement; 0: `least`
  size_t to_seal = 0;  // of the copies: with fewer nobody can seal it; 0: the kind does not say
  size_t acknowledging() const { return write_quorum > 0 ? write_quorum : least; }
};

// What a node with a copy says when it is asked for one record, for people.
struct CopyWord {
  enum class State {
    kHolds,
    kLacks,    // it serves, and the record is not there: behind, skipped or damaged
    kTrimmed,  // it was given up there
    kGone,     // what had it there is gone: another disk, or the loglet was dropped
    kSilent,
  };
  NodeLife life;
  State state = State::kSilent;
  bool leads = false;  // it orders what is appended, as it says, in a kind that elects its leaders
  std::string detail;  // "" if there is nothing to add
};
const char* ToString(CopyWord::State state);  // "yes", "no", "trimmed", "gone", "no answer"

// A sealed segment whose copies are to be where they should be.
struct RehomeRequest {
  LogletId id;
  std::string params;
  Offset end;                 // as the chain says: nothing above it is copied
  uint32_t least_copies = 0;  // the chain's flag: too few copies were made when it was sealed
  Policy policy = {};         // of the log: whose candidates are preferred
  // False: who does not answer now keeps its place, for it may come back.
  bool replace_silent = true;
  bool only_plan = false;  // says what it would do, and does nothing
  // Asked now and then while it copies: true ends it soon, with kCancelled. May be null.
  std::function<bool()> give_up = {};
};

// What became of it.
struct Rehomed {
  std::string params;         // the loglet's from now on; what they were if nobody left
  uint32_t least_copies = 0;  // the flag from now on; 0: as many copies as the kind promises
  uint64_t bytes = 0;         // of bodies, that were copied now
  std::string what;           // who left and who came, for people; "" if nobody did
};

// The client's half of one kind. Parameters are opaque bytes to everyone but their own kind.
// Thread rule: as Loglet.
class LogletKind {
 public:
  virtual ~LogletKind() = default;
  virtual std::string name() const = 0;

  // Parameters for a new loglet of this kind. Kinds on nodes ask them which lives and disks they
  // are now. kInvalidArgument: no such loglet could work; kUnavailable: not now.
  virtual Task<StatusOr<std::string>> ProposeParams(ProposeRequest request) = 0;
  // Whom the loglet with these parameters needs, so that somebody can watch over them. Nobody, for
  // kinds that live in one process.
  virtual Needs NeedsOf(const std::string& params) const {
    (void)params;
    return Needs();
  }
  // Asks each node that was given a copy whether it has the record at `offset` now.
  // Nobody is asked by kinds that live in one process, or that cannot ask a single node.
  virtual Task<std::vector<CopyWord>> AskCopies(LogletId id, std::string params, Offset offset) {
    (void)id, (void)params, (void)offset;
    co_return std::vector<CopyWord>();
  }
  // Proves that the loglet would work now and warms it up. A loglet that was never prepared works
  // all the same. Errors say why it would not.
  virtual Task<Status> Prepare(LogletId id, std::string params) = 0;
  // Optional. Of a loglet that is sealed for good, at request.end: chooses nodes that live and are
  // in service in the place of those that do not, and brings what is not trimmed onto them. OK: all
  // of it is durable there, and the loglet may be opened with the new parameters; those that have
  // it open with the old ones go on. Only the chain makes the new ones count. Idempotent, and may
  // be interrupted anywhere: a repeat copies what is missing. Calls overlap.
  //   kUnimplemented       this kind cannot; its loglets stay as they are
  //   kFailedPrecondition  gone: refresh the chain
  //   kUnavailable         not now: too few nodes live, or one went silent; what was copied stays
  //   kDataLoss            a range that is not trimmed has no copy left; the message names it
  virtual Task<StatusOr<Rehomed>> Rehome(RehomeRequest request) {
    (void)request;
    co_return absl::UnimplementedError("loglets of kind '" + name() + "' are not moved");
  }
  // Opens a loglet, whether or not anybody used it before. `known_tail`: its end as the chain says,
  // so that nobody has to be asked for it.
  virtual Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string params,
                                                       std::optional<Offset> known_tail) = 0;
  // No segment of `log` in [from, to) is or ever will be in its chain again: what this kind stores
  // for them is deleted, for good, and is never made again. Idempotent.
  virtual Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) = 0;
};

class LogletFactory {
 public:
  // REQUIRES: no kind of this name is registered.
  void Register(std::unique_ptr<LogletKind> kind);
  // kInvalidArgument, with the names of those that exist, if there is no such kind.
  StatusOr<LogletKind*> Find(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  std::map<std::string, std::unique_ptr<LogletKind>> kinds_;
};

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_FACTORY_H_
