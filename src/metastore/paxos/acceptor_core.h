// What one node's acceptor has durably become, for all logs: a pure state machine over its journal
// entries, and what it answers in that state.
//
//   slot      1 ... version | version + 1 | beyond
//             superseded    | open: Paxos | behind, until the value of the slot below is known
//
// The floor, `version`, never goes back and is kept for ever, by former acceptors too: below it no
// slot ever looks empty (DESIGN 7).
#ifndef VLOG_METASTORE_PAXOS_ACCEPTOR_CORE_H_
#define VLOG_METASTORE_PAXOS_ACCEPTOR_CORE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "metastore/paxos/register_messages.h"

namespace vlog::metastore {

inline constexpr size_t kMaxLogName = 255;  // bytes

// The register of the cluster itself; no user's log has such a name.
inline constexpr char kDirectoryLog[] = ".directory";

// What `init` made once and stored on every node of the cluster.
struct ClusterRecord {
  ClusterId cluster;
  Replica self;                    // the node and the disk that this record lies on
  std::vector<Replica> acceptors;  // of slot 1 of the directory
  friend bool operator==(const ClusterRecord&, const ClusterRecord&) = default;
};

// One step of the state; what must be durable before the answer that rests on it.
struct AcceptorChange {
  enum class Kind : uint8_t {
    kFormat = 1,   // `record`: the first change of all
    kAdvance = 2,  // `slot` is decided: `value`, or if that is empty what was accepted at `ballot`
    kPromise = 3,  // at `slot`: `ballot`
    kAccept = 4,   // at `slot`: `ballot`, `value`
  };
  Kind kind = Kind::kFormat;
  ClusterRecord record;
  std::string log;
  Version slot;
  consensus::Ballot ballot;
  Bytes value;
};
Bytes EncodeChanges(const std::vector<AcceptorChange>& changes);
// kDataLoss.
StatusOr<std::vector<AcceptorChange>> DecodeChanges(std::string_view data);

class AcceptorCore {
 public:
  // The answer, and what must be durable, and applied, before it is sent. Decide on the next
  // request for the same log after that. Nothing here speaks of what is not durable.
  struct Output {
    std::vector<AcceptorChange> persist;
    RegisterReply send;
  };
  // REQUIRES: formatted(), Validate(request).ok().
  Output Step(const RegisterRequest& request) const;

  // A durable change, in journal order.
  void Apply(const AcceptorChange& change);
  // Entries are lost, among them perhaps promises: never votes again. What is decided stays true.
  void LoseMemory() { lost_memory_ = true; }

  bool formatted() const { return record_.cluster != ClusterId(); }
  const ClusterRecord& record() const { return record_; }
  bool votes() const { return formatted() && !lost_memory_; }
  // The newest decided version of a log that is known here, and its value; 0 and empty if none is.
  Version version(const std::string& log) const;
  Bytes chosen(const std::string& log) const;
  // What was promised and accepted in the slot after that; what is accepted may or may not win.
  const consensus::AcceptorState& open_slot(const std::string& log) const { return Find(log).open; }

  std::string Encode() const;
  Status Decode(std::string_view data);
  void CheckInvariants() const;

 private:
  struct Register {
    Version version;
    Bytes chosen;                    // empty at version 0
    std::vector<Replica> acceptors;  // of slot version + 1; empty if not known here
    consensus::AcceptorState open;   // of slot version + 1
  };
  const Register& Find(const std::string& log) const;
  // What would make `request.slot` the open slot; false if that cannot be done.
  static bool CatchUp(const RegisterRequest& request, Register& reg, Output& output);
  bool VotesOn(const std::string& log, const Register& reg) const;
  static void Advance(Register& reg, Version version, Bytes value);

  ClusterRecord record_;
  bool lost_memory_ = false;
  std::map<std::string, Register> registers_;
};

// OK if the request makes sense: what comes from outside is checked before the core sees it.
Status Validate(const RegisterRequest& request);

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_ACCEPTOR_CORE_H_
