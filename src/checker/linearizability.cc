#include "checker/linearizability.h"

#include <string_view>

#include "absl/strings/str_cat.h"

namespace vlog::checker {
namespace {

using Claim = Linearizability::Claim;
using Proof = Linearizability::Proof;

std::string_view OrderViolation(Claim claim, Proof proof) {
  switch (claim) {
    case Claim::kAppend:
      if (proof == Proof::kAck) return violation::kRealTime;
      // All below a closed segment's end was decided when the chain said so.
      return proof == Proof::kChain ? violation::kSealedGrew : violation::kBelowTail;
    case Claim::kTail:
      return proof == Proof::kAck ? violation::kTailLow : violation::kTailBack;
    case Claim::kUnwritten:
      return proof == Proof::kAck ? violation::kLost : violation::kVanished;
  }
  return violation::kMalformed;
}

const char* ClaimText(Claim claim) {
  switch (claim) {
    case Claim::kAppend:
      return " was appended only by ";
    case Claim::kTail:
      return " was the tail according to ";
    case Claim::kUnwritten:
      return " was unwritten according to ";
  }
  return " ";
}

}  // namespace

void Linearizability::ShownWritten(Position end, OpIndex op, Proof proof) {
  while (shown_.size() < end) shown_.push_back({op, proof});
}

void Linearizability::ClaimUnwritten(Position at, OpIndex op, Claim claim, OpIndex ack) {
  if (at >= shown_.size() || ShownAt(at) > operations_.at(op).invoked) return;
  Evidence evidence = shown_[at];
  if (ack != kNoOp && operations_.at(ack).returned < operations_.at(op).invoked) {
    evidence = {ack, Proof::kAck};
  }
  verdict_.Fail(OrderViolation(claim, evidence.proof),
                absl::StrCat("Position ", at, ClaimText(claim), operations_.Describe(op),
                             ", yet before that began, ", operations_.Describe(evidence.op),
                             " had already shown this or a higher position as written."),
                operations_.Lines({op, evidence.op}));
}

void Linearizability::MatchUnknown(const std::vector<Position>& unexplained,
                                   const std::vector<uint64_t>& invoked) {
  for (size_t i = 0; i < unexplained.size(); ++i) {
    Position at = unexplained[i];
    if (i < invoked.size() && invoked[i] < ShownAt(at)) continue;
    const Evidence& evidence = shown_[at];
    verdict_.Fail(UnexplainedName(evidence.proof),
                  absl::StrCat(operations_.Describe(evidence.op), " shows that position ", at,
                               " was written, but no append can have filled it by then: ", i,
                               " appends of unknown outcome are needed for lower positions."),
                  operations_.Lines({evidence.op}));
    return;
  }
}

std::string_view Linearizability::UnexplainedName(Proof proof) {
  switch (proof) {
    case Proof::kTail:
      return violation::kTailHigh;
    case Proof::kTrim:
      return violation::kTrimAhead;
    case Proof::kChain:
      return violation::kChainAhead;
    case Proof::kAck:
    case Proof::kRead:
      break;
  }
  return violation::kUnexplained;
}

}  // namespace vlog::checker
