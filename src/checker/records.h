#ifndef VLOG_CHECKER_RECORDS_H_
#define VLOG_CHECKER_RECORDS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "checker/event.h"
#include "checker/linearizability.h"
#include "checker/operations.h"
#include "checker/report.h"

namespace vlog::checker {

using BatchIndex = uint32_t;
inline constexpr BatchIndex kNoBatch = std::numeric_limits<BatchIndex>::max();
using SessionIndex = uint32_t;
inline constexpr SessionIndex kNoSession = std::numeric_limits<SessionIndex>::max();

// Which record stands where in one log: one value a position for ever (I2), every value appended
// once and standing at most once (I3), retries and the order of each handle (I8).
//
// Values identify records, so no two records of one log may carry the same value. The records of
// one append are a batch: it stands whole at consecutive positions or nowhere, hence one sighting
// fixes the place of all of it. Appending the same values again under the same handle and sequence
// number is a retry of the same batch. Not thread-safe.
class Records {
 public:
  // The references must outlive this. `unused`: how many positions may belong to no record, because
  // a gap that damage left covers as much as may have been there.
  Records(const Operations& operations, Linearizability& order, Verdict& verdict, uint64_t unused)
      : operations_(operations), order_(order), verdict_(verdict), unused_(unused) {}

  // An append, or a retry of one, was invoked. Returns kNoBatch after a violation.
  BatchIndex Invoke(OpIndex op, SessionIndex session, std::optional<uint64_t> seq,
                    const std::vector<std::string>& values);
  // `op` acknowledged the batch at `first`. REQUIRES: Bounded(first + count).
  void Ack(OpIndex op, BatchIndex batch, Position first);
  // `op` certainly did not append the batch.
  void Fail(OpIndex op, BatchIndex batch);
  // `reader` returned `value` at `at`. REQUIRES: Bounded(at + 1).
  void Read(OpIndex reader, Position at, const std::string& value);
  // The rules that need the whole history: order of each handle, positions that nobody read.
  void Finish();

  uint32_t count(BatchIndex batch) const { return batches_[batch].count; }
  // Whether the records invoked so far, failed ones excepted, can fill all positions below `end`.
  bool Bounded(Position end) const { return end <= possible_ + unused_; }
  // The operation that acknowledged the record at `at`, or kNoOp.
  OpIndex AckOf(Position at) const;

 private:
  using ValueIndex = uint32_t;
  static constexpr ValueIndex kNoValue = std::numeric_limits<ValueIndex>::max();

  struct Batch {
    OpIndex origin = kNoOp;   // the earliest attempt that has not failed
    OpIndex ack = kNoOp;      // the first attempt that was acknowledged
    OpIndex witness = kNoOp;  // the first operation that told the place
    ValueIndex values = 0;    // its values are [values, values + count)
    uint32_t count = 0;
    uint32_t attempts = 1;  // those that have not failed
    SessionIndex session = kNoSession;
    std::optional<uint64_t> seq;
    Position first = kNoPosition;  // where it stands; kNoPosition: unknown
  };

  BatchIndex Retry(OpIndex op, BatchIndex batch, SessionIndex session, std::optional<uint64_t> seq,
                   const std::vector<std::string>& values);
  bool Locate(OpIndex witness, BatchIndex batch, Position first);
  bool Occupy(const Batch& batch, ValueIndex value, Position at);
  void CheckHandle(std::vector<BatchIndex>& batches);
  void CheckUnexplained();
  ValueIndex Find(const std::string& value) const;
  Batch& BatchOf(ValueIndex value) { return batches_[batch_of_[value]]; }

  const Operations& operations_;
  Linearizability& order_;
  Verdict& verdict_;
  const uint64_t unused_;

  // Values are interned: a deque keeps the text in place, so that the index may point into it.
  std::deque<std::string> texts_;
  absl::flat_hash_map<std::string_view, ValueIndex, std::hash<std::string_view>> values_;
  std::vector<BatchIndex> batch_of_;  // by value
  std::vector<Batch> batches_;
  std::map<BatchIndex, std::vector<OpIndex>> retried_;  // attempts not failed, if ever several
  std::vector<std::vector<BatchIndex>> handles_;        // by session: batches with a number
  std::vector<ValueIndex> positions_;                   // by position; kNoValue: not known
  uint64_t possible_ = 0;  // records invoked of which not every attempt has failed
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_RECORDS_H_
