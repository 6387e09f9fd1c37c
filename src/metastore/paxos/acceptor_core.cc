#include "metastore/paxos/acceptor_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::metastore {

using consensus::PaxosRequest;
using Outcome = RegisterReply::Outcome;

const AcceptorCore::Register& AcceptorCore::Find(const std::string& log) const {
  static const Register kUnknown;
  auto it = registers_.find(log);
  return it == registers_.end() ? kUnknown : it->second;
}

Version AcceptorCore::version(const std::string& log) const { return Find(log).version; }
Bytes AcceptorCore::chosen(const std::string& log) const { return Find(log).chosen; }

void AcceptorCore::Advance(Register& reg, Version version, Bytes value) {
  StatusOr<RegisterValue> decoded = DecodeRegisterValue(value.view());
  VLOG_CHECK(decoded.ok(), "only values are decided");
  reg.version = version;
  reg.chosen = std::move(value);
  reg.acceptors = std::move(decoded->acceptors);
  // The slot is decided: what was promised and accepted there is needed no more, because every
  // later word about it is answered with *superseded*.
  reg.open = {};
}

bool AcceptorCore::CatchUp(const RegisterRequest& request, Register& reg, Output& output) {
  if (request.slot.value() == reg.version.value() + 1) return true;
  AcceptorChange change;
  change.kind = AcceptorChange::Kind::kAdvance;
  change.log = request.log;
  change.slot = Version(request.slot.value() - 1);
  Bytes value = request.chosen;
  bool accepted_it = change.slot.value() == reg.version.value() + 1 && !reg.open.accepted.none() &&
                     ProposalOf(reg.open.value.view()) == request.previous;
  if (accepted_it) {
    value = reg.open.value;
    change.ballot = reg.open.accepted;
  } else if (value.empty()) {
    return false;
  } else {
    change.value = value;
  }
  Advance(reg, change.slot, value);
  output.persist.push_back(std::move(change));
  return true;
}

bool AcceptorCore::VotesOn(const std::string& log, const Register& reg) const {
  if (lost_memory_) return false;
  // Who votes on the first slot of a user's log stands in the directory; the asker has read it.
  if (reg.version == Version() && log != kDirectoryLog) return true;
  const std::vector<Replica>& voters = reg.version == Version() ? record_.acceptors : reg.acceptors;
  return std::binary_search(voters.begin(), voters.end(), record_.self);
}

AcceptorCore::Output AcceptorCore::Step(const RegisterRequest& request) const {
  VLOG_CHECK(formatted(), "an acceptor knows who it is");
  Output output;
  RegisterReply& reply = output.send;
  Register reg = Find(request.log);
  reply.slot = request.slot;
  if (request.slot <= reg.version) {
    reply.outcome = Outcome::kSuperseded;
    reply.version = reg.version;
    reply.chosen = reg.chosen;
    return output;
  }
  bool open = CatchUp(request, reg, output);
  reply.version = reg.version;
  if (!open) {
    reply.outcome = Outcome::kBehind;
    return output;
  }
  reply.outcome =
      request.announce || VotesOn(request.log, reg) ? Outcome::kAnswered : Outcome::kNoVote;
  if (request.announce || reply.outcome == Outcome::kNoVote) return output;
  consensus::Acceptor acceptor(reg.open);
  acceptor.Step(request.paxos);
  consensus::AcceptorOutput voted = acceptor.TakeOutput();
  if (voted.persist) {
    bool accepts = request.paxos.kind == PaxosRequest::Kind::kAccept;
    AcceptorChange change;
    change.kind = accepts ? AcceptorChange::Kind::kAccept : AcceptorChange::Kind::kPromise;
    change.log = request.log;
    change.slot = request.slot;
    change.ballot = voted.persist->promised;
    if (accepts) change.value = voted.persist->value;
    output.persist.push_back(std::move(change));
  }
  reply.paxos = std::move(voted.send.front());
  return output;
}

void AcceptorCore::Apply(const AcceptorChange& change) {
  if (change.kind == AcceptorChange::Kind::kFormat) {
    VLOG_CHECK(!formatted() || record_ == change.record, "a disk belongs to one cluster");
    record_ = change.record;
    return;
  }
  Register& reg = registers_[change.log];
  if (change.slot <= reg.version) return;  // decided since; never goes back
  if (change.kind == AcceptorChange::Kind::kAdvance) {
    // What damage swallowed may leave another value here than the one that was meant.
    bool is_accepted = change.value.empty() && reg.open.accepted == change.ballot &&
                       change.slot.value() == reg.version.value() + 1;
    Bytes value = is_accepted ? reg.open.value : change.value;
    if (!value.empty()) Advance(reg, change.slot, std::move(value));
    return;
  }
  // Entries that damage swallowed may have opened this slot; such an acceptor votes no more.
  if (change.slot.value() != reg.version.value() + 1) return;
  reg.open.promised = std::max(reg.open.promised, change.ballot);
  if (change.kind == AcceptorChange::Kind::kAccept) {
    reg.open.accepted = change.ballot;
    reg.open.value = change.value;
  }
}

void AcceptorCore::CheckInvariants() const {
  for (const auto& [log, reg] : registers_) {
    consensus::Acceptor(reg.open).CheckInvariants();
    VLOG_CHECK((reg.version == Version()) == reg.chosen.empty(), "what is decided is kept");
    VLOG_CHECK(reg.chosen.empty() == reg.acceptors.empty(), "a value names the next acceptors");
  }
}

Status Validate(const RegisterRequest& request) {
  if (request.log.empty() || request.log.size() > kMaxLogName || request.slot == Version()) {
    return absl::InvalidArgumentError("a request names a log and a slot");
  }
  if (!request.chosen.empty()) {
    StatusOr<RegisterValue> value = DecodeRegisterValue(request.chosen.view());
    VLOG_RETURN_IF_ERROR(value);
    if (value->proposal != request.previous) {
      return absl::InvalidArgumentError("the decided value is of another proposal");
    }
  }
  if (request.announce || request.paxos.kind == PaxosRequest::Kind::kQuery) {
    return absl::OkStatus();
  }
  if (request.paxos.ballot.none()) return absl::InvalidArgumentError("the ballot is missing");
  if (request.paxos.kind == PaxosRequest::Kind::kPrepare) return absl::OkStatus();
  return DecodeRegisterValue(request.paxos.value.view()).status();
}

}  // namespace vlog::metastore
