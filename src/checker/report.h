#ifndef VLOG_CHECKER_REPORT_H_
#define VLOG_CHECKER_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vlog::checker {

// The names of all violations. The letter and number are those of the invariant that is broken; H
// means that the history itself cannot be judged, which is a mistake of whoever recorded it.
namespace violation {
inline constexpr std::string_view kMalformed = "H malformed history";
inline constexpr std::string_view kLost = "I1 acknowledged append lost";
inline constexpr std::string_view kDataLoss = "I1 data loss without injected damage";
inline constexpr std::string_view kTwoValues = "I2 two values at one position";
inline constexpr std::string_view kRealTime = "I2 append order contradicts real time";
inline constexpr std::string_view kInvented = "I3 value was never appended";
inline constexpr std::string_view kUnexplained = "I3 position without an append";
inline constexpr std::string_view kFailedAppears = "I3 failed append appears";
inline constexpr std::string_view kRecordTwice = "I3 record at two positions";
inline constexpr std::string_view kSealedGrew = "I4 sealed segment grew";
inline constexpr std::string_view kOutsideSegment = "I4 append below the base of its segment";
inline constexpr std::string_view kNotGapless = "I5 read is not gapless";
inline constexpr std::string_view kVanished = "I5 shown position vanished";
inline constexpr std::string_view kTwoContents = "I6 two contents of one chain version";
inline constexpr std::string_view kTwoWinners = "I6 two winners of one chain version";
inline constexpr std::string_view kChainHole = "I6 chain has a gap or an overlap";
inline constexpr std::string_view kChainIndex = "I6 segment indices do not grow";
inline constexpr std::string_view kChainOpen = "I6 a segment other than the last is open";
inline constexpr std::string_view kChainChanged = "I6 an old segment changed";
inline constexpr std::string_view kChainEnded = "I6 an ended log was extended";
inline constexpr std::string_view kChainBack = "I6 chain version went back for one handle";
inline constexpr std::string_view kChainAhead = "I6 chain base above what was appended";
inline constexpr std::string_view kFifo = "I8 appends of one handle out of order";
inline constexpr std::string_view kRecordId = "I8 record id names two records";
inline constexpr std::string_view kRetryMoved = "I8 retry was told another position";
inline constexpr std::string_view kTrimInvented = "I9 trimmed beyond what was asked";
inline constexpr std::string_view kTrimBack = "I9 trim point went back";
inline constexpr std::string_view kTrimAhead = "I9 trim point above what was appended";
inline constexpr std::string_view kTailLow = "I10 tail below an acknowledged append";
inline constexpr std::string_view kTailBack = "I10 tail went back";
inline constexpr std::string_view kTailHigh = "I10 tail above what was appended";
inline constexpr std::string_view kBelowTail = "I10 append below a shown position";
}  // namespace violation

// What a history exercised. A run whose counts are low proves little: callers set floors.
struct Counts {
  uint64_t events = 0;
  uint64_t acked_appends = 0;    // operations
  uint64_t acked_records = 0;    // records in them
  uint64_t failed_appends = 0;   // operations
  uint64_t unknown_appends = 0;  // operations: info, or never completed
  uint64_t reads = 0;            // ok ones
  uint64_t records_read = 0;
  uint64_t gaps = 0;         // trimmed and lost ranges in reads
  uint64_t tails = 0;        // ok ones, without the stale ones
  uint64_t stale_tails = 0;  // ok ones
  uint64_t trims = 0;        // ok ones
  uint64_t chain_observations = 0;
  uint64_t chain_changes = 0;  // distinct versions seen, less the first of each log
  uint64_t logs = 0;
};

struct Report {
  bool ok = true;
  std::string violation;        // one of the names above; empty if ok
  std::string log;              // the log it concerns
  std::string explanation;      // sentences for a person
  std::vector<uint64_t> lines;  // the events that show it, ascending
  Counts counts;
};

// Keeps the first violation that is told to it; later ones are often only its consequences.
class Verdict {
 public:
  bool failed() const { return failed_; }
  std::string_view violation() const { return violation_; }
  const std::string& explanation() const { return explanation_; }
  const std::vector<uint64_t>& lines() const { return lines_; }

  void Fail(std::string_view violation, std::string explanation, std::vector<uint64_t> lines) {
    if (failed_) return;
    failed_ = true;
    violation_ = violation;
    explanation_ = std::move(explanation);
    lines_ = std::move(lines);
  }

 private:
  bool failed_ = false;
  std::string_view violation_;
  std::string explanation_;
  std::vector<uint64_t> lines_;
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_REPORT_H_
