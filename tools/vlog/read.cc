// vlog read: a range of the log, or the log as it grows.
#include <algorithm>

#include "commands.h"
#include "exit_code.h"
#include "json_text.h"

namespace vlog::cli {
namespace {

constexpr Duration kRetry = std::chrono::milliseconds(20);
// After so many retries the directory is opened again: its writer may have recycled what the view
// of it stood on.
constexpr int kRetriesBeforeReopen = 10;
constexpr int kReopens = 5;  // without follow

class ReadRun {
 public:
  ReadRun(Shell& shell, ReadArguments arguments) : shell_(shell), arguments_(arguments) {}

  Task<int> Run() {
    Status opened = co_await Open();
    if (!opened.ok()) co_return Fail(opened);
    Status ranged = co_await ChooseRange();
    if (!ranged.ok()) co_return Fail(ranged);
    Status read = co_await ReadRange();
    shell_.out().Flush();
    if (shell_.out().closed()) co_return kDone;
    if (!read.ok()) co_return Fail(read);
    co_return gaps_ > 0 ? kDamage : kDone;
  }

 private:
  Task<Status> Open() {
    StatusOr<virtuallog::SharedLog*> log = co_await shell_.OpenLog(Shell::Access::kRead);
    VLOG_CO_RETURN_IF_ERROR(log);
    log_ = *log;
    co_return absl::OkStatus();
  }

  Task<Status> ChooseRange() {
    StatusOr<Lsn> trim_point = co_await log_->TrimPoint();
    VLOG_CO_RETURN_IF_ERROR(trim_point);
    StatusOr<Lsn> tail = co_await log_->CheckTail();
    VLOG_CO_RETURN_IF_ERROR(tail);
    next_ = arguments_.from.value_or(*trim_point);
    if (arguments_.follow) {
      to_ = arguments_.to.value_or(kMaxLsn);
      co_return absl::OkStatus();
    }
    to_ = std::min(arguments_.to.value_or(*tail), *tail);
    if (arguments_.to.value_or(*tail) > *tail || next_ > *tail) {
      Say(absl::StrCat("the log ends at ", tail->value(), " now; read that far (--follow waits)"));
    }
    co_return absl::OkStatus();
  }

  Task<Status> ReadRange() {
    reader_ = log_->NewReader(next_);
    int retries = 0;
    int reopens = 0;
    while (next_ < to_ && shell_.out().status().ok()) {
      StatusOr<virtuallog::ReadItem> item = co_await reader_->Next();
      if (item.ok()) {
        Print(*item);
        next_ = reader_->position();
        retries = reopens = 0;
        continue;
      }
      if (absl::IsFailedPrecondition(item.status())) {
        Say(Message(item.status()) + "; all of it was read");
        break;
      }
      if (!absl::IsUnavailable(item.status())) co_return item.status();
      if (++retries % kRetriesBeforeReopen == 0) {
        if (!arguments_.follow && ++reopens > kReopens) co_return item.status();
        Status again = co_await Reopen();
        VLOG_CO_RETURN_IF_ERROR(again);
      }
      Status slept = co_await shell_.scheduler().Sleep(kRetry);
      VLOG_CO_RETURN_IF_ERROR(slept);
    }
    co_return absl::OkStatus();
  }

  Task<Status> Reopen() {
    reader_.reset();
    Status closed = co_await shell_.Close();
    VLOG_CO_RETURN_IF_ERROR(closed);
    Status opened = co_await Open();
    VLOG_CO_RETURN_IF_ERROR(opened);
    reader_ = log_->NewReader(next_);
    co_return absl::OkStatus();
  }

  void Print(const virtuallog::ReadItem& item) {
    for (const virtuallog::RecordRun& run : item.runs) {
      run.ForEach([this](Lsn lsn, std::string_view payload) {
        if (lsn < to_) PrintRecord(lsn, payload);
      });
    }
    if (item.gap) PrintGap(*item.gap);
    // Whoever follows wants to see it now.
    if (arguments_.follow) shell_.out().Flush();
  }

  void PrintRecord(Lsn lsn, std::string_view payload) {
    Output& out = shell_.out();
    switch (arguments_.format) {
      case ReadArguments::Format::kLines:
        out.Line(payload);
        break;
      case ReadArguments::Format::kJson:
        out.Line(absl::StrCat("{\"lsn\":", lsn.value(), ",", JsonPayload(payload), "}"));
        break;
      case ReadArguments::Format::kRaw:
        out.Write(payload);
        break;
    }
  }

  void PrintGap(const virtuallog::Gap& gap) {
    uint64_t end = std::min(gap.end, to_).value();
    bool trimmed = gap.why == virtuallog::Gap::Why::kTrimmed;
    ++gaps_;
    Say(absl::StrCat("the records [", gap.begin.value(), ", ", end, ") ",
                     trimmed ? "are trimmed" : "are lost: the directory is damaged"));
    if (arguments_.format != ReadArguments::Format::kJson) return;
    shell_.out().Line(absl::StrCat("{\"gap\":[", gap.begin.value(), ",", end, "],\"why\":\"",
                                   trimmed ? "trimmed" : "data_loss", "\"}"));
  }

  Shell& shell_;
  ReadArguments arguments_;
  virtuallog::SharedLog* log_ = nullptr;
  std::unique_ptr<virtuallog::Reader> reader_;
  Lsn next_;
  Lsn to_;
  uint64_t gaps_ = 0;
};

}  // namespace

Task<int> Read(Shell& shell, ReadArguments arguments) {
  ReadRun run(shell, arguments);
  co_return co_await run.Run();
}

}  // namespace vlog::cli
