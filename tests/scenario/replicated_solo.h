// A replicated kind of one replica, for tests: the least that a ReplicaCore can be. It leads once
// it was told to campaign, orders on one disk, and keeps to the shell's rules. So the shell and the
// client can be tested before, and without, any consensus.
//
// A tail that it told of before it was durable, or an answer without Persisted(), would be this
// core's fault; what the shell does with refused entries, restarts and lost replies is the shell's.
#ifndef VLOG_TESTS_SCENARIO_REPLICATED_SOLO_H_
#define VLOG_TESTS_SCENARIO_REPLICATED_SOLO_H_

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "loglets/replicated/applied_core.h"
#include "loglets/replicated/replica_kind.h"

namespace vlog::testing {

// Positions of the stream are offsets; SEAL takes one more.
class SoloState final : public storage::StreamState {
 public:
  void Apply(const storage::Entry& entry) override;
  void Damaged(uint64_t lost) override { SkipTo(end_ + lost); }
  void SkipTo(uint64_t end) override;
  uint64_t trim() const override { return trim_.value(); }
  uint64_t end() const override { return end_; }
  std::string Encode() const override;
  Status Decode(std::string_view data) override;

  const loglets::replicated::AppliedState& applied() const { return applied_; }
  Offset trim_point() const { return trim_; }
  bool damaged() const { return damaged_; }

 private:
  loglets::replicated::AppliedState applied_;
  uint64_t end_ = 0;
  Offset trim_;
  bool damaged_ = false;
};

class SoloCore final : public loglets::replicated::ReplicaCore {
 public:
  explicit SoloCore(const loglets::replicated::CoreSetup& setup);

  Output TakeOutput() override;
  void Tick(Instant) override {}
  Instant next_tick() const override { return Instant::Max(); }
  void OnRequest(const Replica& from, loglets::replicated::PeerMessage message,
                 loglets::replicated::ReplyTo to, Instant now) override;
  void OnReply(loglets::replicated::CallId call, StatusOr<loglets::replicated::PeerMessage> reply,
               Instant now) override;
  void Append(Batch batch, loglets::replicated::Token token, Instant now) override;
  void CheckTail(loglets::replicated::Token token, Instant now) override;
  void Seal(std::string proposal, loglets::replicated::Token token, Instant now) override;
  void Trim(Offset to, loglets::replicated::Token token, Instant now) override;
  void Campaign(bool at_once, Instant now) override;
  void Persisted(loglets::replicated::Ticket ticket, Instant now) override;
  void Refused(loglets::replicated::Ticket ticket, Instant now) override;
  void Loaded(uint64_t, StatusOr<std::vector<storage::Entry>>, Instant) override {}

  Offset applied_end() const override { return durable_.applied().end(); }
  Offset trim_point() const override { return durable_.trim_point(); }
  bool sealed() const override { return durable_.applied().sealed(); }
  const std::string& proposal() const override { return durable_.applied().proposal(); }
  NodeId leader() const override { return leads_ ? self_.node : NodeId(); }
  std::string role() const override { return leads_ ? "leader" : "idle"; }
  std::string impaired() const override { return durable_.damaged() ? "its disk was damaged" : ""; }
  size_t bytes_in_memory() const override { return 0; }
  Place FindRecords(Offset from, Offset to) const override;
  std::optional<std::pair<Offset, Batch>> ToBatch(const storage::Entry& entry) const override;
  void CheckInvariants() const override {}

 private:
  struct InFlight {
    loglets::replicated::Ticket ticket;
    storage::Entry entry;
    std::optional<loglets::replicated::Token> token;  // answered when it is durable
    Offset result;
  };
  void Answer(loglets::replicated::Token token, StatusOr<Offset> result);
  void Write(storage::Entry entry, bool control, loglets::replicated::Token token, Offset result);
  void SealIfQuiet();

  const Replica self_;
  SoloState durable_;
  loglets::replicated::AppliedState accepted_;  // what is on its way to the disk included
  bool leads_ = false;
  bool refusing_ = false;
  std::deque<InFlight> in_flight_;
  struct Sealer {
    loglets::replicated::Token token;
    std::string proposal;
  };
  std::vector<Sealer> sealers_;  // wait for what is on its way
  bool sealing_ = false;
  loglets::replicated::Ticket next_ticket_ = 1;
  Output output_;
};

inline constexpr rpc::Method kSoloBase = 0x7f40;

loglets::replicated::ReplicaKind SoloKind();

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_REPLICATED_SOLO_H_
