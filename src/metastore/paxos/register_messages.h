// What clients of a register and its acceptors say to each other. Plain values.
#ifndef VLOG_METASTORE_PAXOS_REGISTER_MESSAGES_H_
#define VLOG_METASTORE_PAXOS_REGISTER_MESSAGES_H_

#include <string>

#include "consensus/acceptor.h"
#include "metastore/paxos/register_value.h"

namespace vlog::metastore {

// A request about one slot of one log. Whoever sends it knows that slot - 1 is decided.
struct RegisterRequest {
  std::string log;
  Version slot;  // from 1
  // The proposal that was chosen at slot - 1: an acceptor that accepted it needs no copy to learn
  // that it is decided.
  ProposalId previous;
  // The encoded value chosen at slot - 1; empty unless the acceptor may lack it.
  Bytes chosen;
  // Only tells that slot - 1 is decided, the *chosen* message; `paxos` then counts for nothing.
  bool announce = false;
  consensus::PaxosRequest paxos;
};

struct RegisterReply {
  enum class Outcome : uint8_t {
    kAnswered,    // `paxos` holds the slot's answer, granted or refused
    kSuperseded,  // the slot is decided: `version` >= slot, `chosen` is the newest value
    kBehind,      // this acceptor does not know the value of slot - 1; send it along
    kNoVote,      // it is no acceptor of this slot, or lost its memory
  };
  Outcome outcome = Outcome::kNoVote;
  Version slot;  // of the request
  consensus::PaxosReply paxos;
  // The newest decided version that this acceptor knows, and its encoded value, which is left out
  // unless the slot is superseded.
  Version version;
  Bytes chosen;
};

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_REGISTER_MESSAGES_H_
