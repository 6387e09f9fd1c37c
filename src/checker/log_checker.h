#ifndef VLOG_CHECKER_LOG_CHECKER_H_
#define VLOG_CHECKER_LOG_CHECKER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "checker/chain_rules.h"
#include "checker/event.h"
#include "checker/linearizability.h"
#include "checker/operations.h"
#include "checker/records.h"
#include "checker/report.h"
#include "checker/trim_rules.h"

namespace vlog::checker {

// What is kept of an operation between its invocation and its completion.
struct PendingOp {
  OpIndex index = kNoOp;
  Op op = Op::kNote;
  bool stale = false;
  SessionIndex session = kNoSession;
  BatchIndex batch = kNoBatch;  // append
  TrimIndex trim = 0;           // trim
  Position from = 0;            // read
  Position to = kNoPosition;
  // What the handle had been told when the operation began; it may not be told less.
  Position trimmed = 0;
  uint64_t chainver = 0;
};

// Judges the events of one log. It translates them into statements about positions for the rules:
// this was written by then, that was not, these records stand there. Not thread-safe.
class LogChecker {
 public:
  // All must outlive this.
  LogChecker(const Operations& operations, bool allow_data_loss, Verdict& verdict, Counts& counts);
  LogChecker(const LogChecker&) = delete;
  LogChecker& operator=(const LogChecker&) = delete;

  PendingOp Invoke(OpIndex index, const Event& event);
  // REQUIRES: event.type is not kInvoke, the operation is closed in Operations.
  void Complete(PendingOp pending, const Event& event);
  void Finish();

  uint64_t distinct_chain_versions() const { return chain_.distinct_versions(); }

 private:
  struct Session {
    Position trimmed = 0;   // the highest trim point that the handle was told
    uint64_t chainver = 0;  // the highest chain version that it had
  };

  SessionIndex SessionOf(const std::string& name);
  void Fail(const PendingOp& pending);
  void AppendOk(const PendingOp& pending, const Event& event);
  void TailOk(const PendingOp& pending, Position tail, bool stale);
  void ReadOk(const PendingOp& pending, const Event& event);
  // One item of a read that has got as far as `cursor`; returns where it stands then.
  Position ReadOne(const PendingOp& pending, const ReadItem& item, Position cursor, bool stale);
  Position ReadGap(const PendingOp& pending, const ReadItem& item);
  void TrimOk(const PendingOp& pending, Position trim_point);
  void ChainOk(const PendingOp& pending, const ChainView& chain);

  // Notes that all below `end` is written, unless no set of appends can have filled it.
  bool ShownWritten(Position end, OpIndex op, Linearizability::Proof proof);
  void ShownTrimmed(Position end, const PendingOp& pending);
  void CheckChainVersion(const PendingOp& pending, uint64_t version);

  const Operations& operations_;
  const bool allow_data_loss_;
  Verdict& verdict_;
  Counts& counts_;
  Linearizability order_;
  Records records_;
  TrimRules trims_;
  ChainRules chain_;
  absl::flat_hash_map<std::string, SessionIndex, std::hash<std::string>> session_index_;
  std::vector<Session> sessions_;
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_LOG_CHECKER_H_
