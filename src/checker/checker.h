#ifndef VLOG_CHECKER_CHECKER_H_
#define VLOG_CHECKER_CHECKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "checker/event.h"
#include "checker/log_checker.h"
#include "checker/operations.h"
#include "checker/report.h"

namespace vlog::checker {

struct Options {
  // Damage was injected beyond what the replication tolerates, so readers may declare data loss.
  // A trim that was told may be lost as well, and a gap may cover positions that were never used.
  bool allow_data_loss = false;
};

// Judges a history of one or several logs: is it one that a correct virtual log can produce?
//
//   Checker checker;
//   for (const Event& event : history) checker.Add(event);
//   const Report& report = checker.Finish();
//
// Events are added in time order, invocations before the request is sent, completions after the
// answer came. An operation that never completes has an unknown outcome. A history begins with an
// empty log and records everything that is ever appended or trimmed.
//
// Nearly all rules are judged at once, in constant time an event: ok() tells. Finish() adds those
// that need the whole history: the order of each handle's appends, positions that nobody read, and
// trims that turned out to have failed. After the first violation nothing more is judged or
// counted.
//
// Not thread-safe. Memory: roughly 150 bytes an operation beside the values themselves.
class Checker {
 public:
  explicit Checker(Options options = {});
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // REQUIRES: not after Finish().
  void Add(const Event& event);

  // Whether no violation has been found so far.
  bool ok() const { return !verdict_.failed(); }

  // Runs the rest of the test. Idempotent.
  const Report& Finish();

 private:
  struct Pending {
    PendingOp op;
    LogChecker* log;
  };

  bool CheckOrder(const Event& event);
  void Invoke(const Event& event, LogChecker& log);
  void Complete(const Event& event, LogChecker& log);
  LogChecker& LogOf(const std::string& name);
  void FailMalformed(const Event& event, const char* why);
  // Remembers which log the first violation concerns.
  void NoteLog(const std::string& name);

  const Options options_;
  uint64_t line_ = 0;  // of the event that was added last
  int64_t t_ = 0;      // its time; meaningful once line_ > 0
  bool finished_ = false;
  Verdict verdict_;
  Counts counts_;
  Operations operations_;
  absl::flat_hash_map<uint64_t, Pending> pending_;  // by operation id
  std::map<std::string, std::unique_ptr<LogChecker>> logs_;
  Report report_;
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_CHECKER_H_
