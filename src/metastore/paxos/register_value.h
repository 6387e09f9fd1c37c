// What is chosen in a slot of a log's register. Pure.
//
// A register is a row of single-slot Paxos instances, slot = version (DESIGN 7):
//
//   version   0              1              2              3
//   value     bootstrap ---> A, p1, "..." -> A, p2, "..." -> open: at most one proposal wins
//             names the acceptors of 1, which name those of 2, and so on
//
// Only a chosen value names the acceptors of the next slot, so the register reconfigures itself.
#ifndef VLOG_METASTORE_PAXOS_REGISTER_VALUE_H_
#define VLOG_METASTORE_PAXOS_REGISTER_VALUE_H_

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/coding.h"
#include "base/ids.h"
#include "base/status.h"

namespace vlog::metastore {

struct RegisterValue {
  // Who votes on the next slot; sorted, each node once, not empty.
  std::vector<Replica> acceptors;
  // Random, one for each call of Write(): it tells equal user values of two writers apart. Zero for
  // version 0. A proposal id stands for exactly one value, whoever carries it to a slot.
  ProposalId proposal;
  // The proposals of the last versions, oldest first, ending with this one: by them a writer that
  // lost its reply learns what became of its slot.
  std::vector<ProposalId> recent;
  std::string user;  // opaque

  friend bool operator==(const RegisterValue&, const RegisterValue&) = default;
};

inline constexpr size_t kRecentProposals = 64;

Bytes EncodeRegisterValue(const RegisterValue& value);
// kDataLoss if `data` is none; kInvalidArgument for one of a newer format.
StatusOr<RegisterValue> DecodeRegisterValue(std::string_view data);
// Only the proposal id; zero if `data` is no value.
ProposalId ProposalOf(std::string_view data);

// OK if these may vote: not empty, no node twice, each with a disk. Sorts them.
Status NormalizeAcceptors(std::vector<Replica>* acceptors);

// A decided slot.
struct Chosen {
  Version version;
  RegisterValue value;
};

// Version 0 of every log whose slot 1 is voted on by `acceptors`.
Chosen Bootstrap(std::vector<Replica> acceptors);
// The value that follows `before` with the same acceptors.
RegisterValue NextValue(const Chosen& before, ProposalId proposal, std::string user);
// The proposal that was chosen at `version`, none if `chosen` is too new to know.
// REQUIRES: 0 < version <= chosen.version.
std::optional<ProposalId> ProposalAt(const Chosen& chosen, Version version);

void PutReplicas(std::string* out, const std::vector<Replica>& replicas);
std::vector<Replica> GetReplicas(Decoder& in);

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_REGISTER_VALUE_H_
