#include "checker/checker.h"

#include "absl/strings/str_cat.h"

namespace vlog::checker {

Checker::Checker(Options options) : options_(options) {}
Checker::~Checker() = default;

void Checker::Add(const Event& event) {
  if (verdict_.failed() || finished_) return;
  ++counts_.events;
  if (!CheckOrder(event)) return NoteLog(event.log);
  if (event.op == Op::kNote) return;
  LogChecker& log = LogOf(event.log);
  if (event.type == EventType::kInvoke) {
    Invoke(event, log);
  } else {
    Complete(event, log);
  }
  if (verdict_.failed()) NoteLog(event.log);
}

bool Checker::CheckOrder(const Event& event) {
  uint64_t line = event.line != 0 ? event.line : line_ + 1;
  if (line <= line_) {
    FailMalformed(event, "its line number does not grow");
    return false;
  }
  bool first = line_ == 0;
  line_ = line;
  if (!first && event.t < t_) {
    FailMalformed(event, "its time lies before that of the event before it");
    return false;
  }
  t_ = event.t;
  return true;
}

void Checker::Invoke(const Event& event, LogChecker& log) {
  auto [at, added] = pending_.try_emplace(event.id);
  if (!added) return FailMalformed(event, "an operation with this id is still open");
  if (event.op == Op::kAppend && event.values.empty()) {
    return FailMalformed(event, "an append needs a value");
  }
  at->second.log = &log;
  at->second.op = log.Invoke(operations_.Open(event.id, event.op, line_), event);
}

void Checker::Complete(const Event& event, LogChecker& log) {
  auto at = pending_.find(event.id);
  if (at == pending_.end()) return FailMalformed(event, "no operation with this id is open");
  if (at->second.op.op != event.op || at->second.log != &log) {
    return FailMalformed(event, "its invocation names another operation or log");
  }
  PendingOp op = at->second.op;
  pending_.erase(at);
  operations_.Close(op.index, line_);
  log.Complete(op, event);
}

LogChecker& Checker::LogOf(const std::string& name) {
  std::unique_ptr<LogChecker>& log = logs_[name];
  if (log == nullptr) {
    log = std::make_unique<LogChecker>(operations_, options_.allow_data_loss, verdict_, counts_);
  }
  return *log;
}

void Checker::FailMalformed(const Event& event, const char* why) {
  verdict_.Fail(violation::kMalformed,
                absl::StrCat("Line ", line_, " (", OpName(event.op), " id ", event.id,
                             ") cannot be judged: ", why, "."),
                {line_});
}

void Checker::NoteLog(const std::string& name) { report_.log = name; }

const Report& Checker::Finish() {
  if (finished_) return report_;
  finished_ = true;
  for (auto& [name, log] : logs_) {
    bool was_ok = ok();
    log->Finish();
    if (was_ok && !ok()) NoteLog(name);
    uint64_t versions = log->distinct_chain_versions();
    counts_.chain_changes += versions > 0 ? versions - 1 : 0;
  }
  counts_.logs = logs_.size();
  report_.ok = ok();
  report_.violation = verdict_.violation();
  report_.explanation = verdict_.explanation();
  report_.lines = verdict_.lines();
  report_.counts = counts_;
  return report_;
}

}  // namespace vlog::checker
