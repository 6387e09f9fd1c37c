// Writes down what the clients of a simulated log asked for and were told, and judges it at once.
#ifndef VLOG_TESTING_HISTORY_RECORDER_H_
#define VLOG_TESTING_HISTORY_RECORDER_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "checker/checker.h"
#include "env/sim/sim_world.h"
#include "virtuallog/shared_log.h"

namespace vlog::testing {

// Outlives every simulated process: an operation that a crash cut off simply never completes.
class HistoryRecorder {
 public:
  HistoryRecorder(env::SimWorld& world, checker::Options options)
      : world_(world), checker_(options) {}

  // Keep every event as a line of text too, for a failing run.
  void KeepLines() { keep_lines_ = true; }
  const std::vector<std::string>& lines() const { return lines_; }

  // Each Invoke...() returns the id that the completion names.
  uint64_t InvokeAppend(const std::string& log, const std::string& handle, SeqNo seq,
                        std::string value);
  uint64_t Invoke(const std::string& log, checker::Op op, const std::string& handle);
  uint64_t InvokeRead(const std::string& log, const std::string& handle, Lsn from);
  uint64_t InvokeTrim(const std::string& log, const std::string& handle, Lsn to);

  void Ok(const std::string& log, checker::Op op, uint64_t id, Lsn position);
  void OkRead(const std::string& log, uint64_t id, const virtuallog::ReadItem& item);
  void OkReadToEnd(const std::string& log, uint64_t id, std::vector<checker::ReadItem> items);
  void OkChain(const std::string& log, uint64_t id, Version version,
               const virtuallog::Chain& chain);
  // kUnknown and kCancelled leave the outcome open; every other error says "certainly not".
  void Failed(const std::string& log, checker::Op op, uint64_t id, const Status& status);

  bool ok() const { return checker_.ok(); }
  const checker::Report& Finish() { return checker_.Finish(); }

  static std::vector<checker::ReadItem> Items(const virtuallog::ReadItem& item);

 private:
  checker::Event Begin(const std::string& log, checker::Op op, checker::EventType type,
                       uint64_t id);
  void Add(checker::Event event);

  env::SimWorld& world_;
  checker::Checker checker_;
  uint64_t next_id_ = 1;
  bool keep_lines_ = false;
  std::vector<std::string> lines_;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTING_HISTORY_RECORDER_H_
