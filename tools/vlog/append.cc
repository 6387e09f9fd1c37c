// vlog append: one record, or a stream of lines with thousands of appends outstanding.
#include "async/event.h"
#include "commands.h"
#include "exit_code.h"
#include "input.h"
#include "stop_signals/stop_signals.h"

namespace vlog::cli {
namespace {

// What may be outstanding: enough to keep the disk busy, little enough to be no matter for memory.
constexpr uint64_t kMaxOutstanding = 32 * 1024;
constexpr size_t kMaxWaitingBytes = 8 << 20;

class AppendRun {
 public:
  AppendRun(Shell& shell, virtuallog::SharedLog& log, bool acks)
      : shell_(shell),
        appender_(log.NewAppender()),
        acks_(acks),
        started_(shell.scheduler().Now()),
        room_(shell.scheduler()) {}

  Task<void> AppendOne(std::string record) {
    Submit(record);
    co_await appender_->Close();
  }

  Task<Status> AppendLines(LineReader& lines) {
    Status read;
    while (read.ok() && !stopping() && !lines.at_end()) {
      std::string_view line;
      while (HasRoom() && lines.Next(&line)) Submit(line);
      if (HasRoom()) {
        read = co_await lines.Fill();
      } else {
        // An error of the wait itself means that every open append ends with an answer of its own.
        Status waited = co_await room_.Wait();
        if (!waited.ok()) break;
      }
    }
    co_await appender_->Close();
    co_return absl::IsCancelled(read) ? absl::OkStatus() : read;
  }

  void Interrupt() {
    interrupted_ = true;
    room_.NotifyAll();
  }
  bool interrupted() const { return interrupted_; }

  // Prints what was done and returns the exit code.
  int Report() {
    progress_.Clear();
    if (acked_ > 0) {
      shell_.out().Line(absl::StrCat(first_.value(), " ", last_.value()));
    } else if (failed_ == 0 && !interrupted_) {
      Say("the input is empty; nothing was appended");
    }
    shell_.out().Flush();
    if (failed_ > 0) return ReportFailure();
    if (interrupted_) {
      Say(absl::StrCat("interrupted; ", Done()));
      return kInterrupted;
    }
    return shell_.out().closed() ? kOutputClosed : kDone;
  }

 private:
  bool stopping() const { return interrupted_ || failed_ > 0 || shell_.out().closed(); }
  bool HasRoom() const {
    return !stopping() && submitted_ - acked_ - failed_ < kMaxOutstanding &&
           appender_->waiting_bytes() < kMaxWaitingBytes;
  }

  void Submit(std::string_view record) {
    ++submitted_;
    appender_->Append(record, [this, bytes = record.size()](StatusOr<Lsn> result) {
      OnDone(std::move(result), bytes);
    });
  }

  void OnDone(StatusOr<Lsn> result, size_t bytes) {
    if (!result.ok()) {
      if (failed_++ == 0) failure_ = result.status();
      if (absl::IsUnknown(result.status())) ++unknown_;
    } else {
      if (acked_++ == 0) first_ = *result;
      last_ = *result;
      bytes_ += bytes;
      if (acks_) shell_.out().Line(std::to_string(result->value()));
    }
    WakeSoon();
  }

  // Once a turn of the loop, after all completions of a batch.
  void WakeSoon() {
    if (wake_posted_) return;
    wake_posted_ = true;
    shell_.scheduler().Post([this] {
      wake_posted_ = false;
      if (acks_) shell_.out().Flush();
      Instant now = shell_.scheduler().Now();
      if (progress_.Due(now)) ShowProgress(now);
      room_.NotifyAll();
    });
  }

  void ShowProgress(Instant now) {
    double seconds = std::max(std::chrono::duration<double>(now - started_).count(), 1e-3);
    progress_.Show(absl::StrFormat("%s records, %s, %s records/s", Grouped(acked_),
                                   Megabytes(bytes_),
                                   Grouped(static_cast<uint64_t>(acked_ / seconds))));
  }

  std::string Done() const {
    if (acked_ == 0) return "no record was acknowledged";
    return absl::StrCat(acked_, " records are appended, LSN ", first_.value(), " to ",
                        last_.value());
  }

  int ReportFailure() {
    ExitCode code = Fail(failure_);
    Say(absl::StrCat(Done(), "; ", failed_ - unknown_, " certainly not, ", unknown_,
                     " with unknown outcome; nothing after these was sent"));
    if (unknown_ > 0) return kUnknownOutcome;
    return code == kUsage ? kNotDone : code;
  }

  Shell& shell_;
  std::unique_ptr<virtuallog::Appender> appender_;
  bool acks_;
  Instant started_;
  async::Event room_;
  Progress progress_;
  bool wake_posted_ = false;
  bool interrupted_ = false;
  uint64_t submitted_ = 0;
  uint64_t acked_ = 0;
  uint64_t bytes_ = 0;  // of what is acknowledged
  uint64_t failed_ = 0;
  uint64_t unknown_ = 0;  // of the failed ones
  Status failure_;        // the first
  Lsn first_;
  Lsn last_;
};

size_t MaxRecordBytes() { return virtuallog::AppenderOptions().max_record_bytes; }

Task<StatusOr<std::string>> ReadWhole(Input& input) {
  std::string whole;
  for (;;) {
    StatusOr<std::string> piece = co_await input.ReadSome();
    VLOG_CO_RETURN_IF_ERROR(piece);
    if (piece->empty()) co_return std::move(whole);
    whole += *piece;
    if (whole.size() > MaxRecordBytes()) {
      co_return absl::InvalidArgumentError(absl::StrCat(input.name(), " is larger than a record",
                                                        " may be, ", MaxRecordBytes(), " bytes"));
    }
  }
}

Task<int> AppendRecord(Shell& shell, std::string record, bool acks) {
  if (record.size() > MaxRecordBytes()) {
    co_return Fail(absl::InvalidArgumentError(
        absl::StrCat("a record may have at most ", MaxRecordBytes(), " bytes")));
  }
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kAppend);
  if (!log.ok()) co_return Fail(log.status());
  AppendRun run(shell, **log, acks);
  co_await run.AppendOne(std::move(record));
  co_return run.Report();
}

Task<int> AppendLines(Shell& shell, std::unique_ptr<Input> input, bool acks) {
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kAppend);
  if (!log.ok()) co_return Fail(log.status());
  LineReader lines(std::move(input), MaxRecordBytes());
  AppendRun run(shell, **log, acks);
  tools::GracefulStop stop(shell.executor(), [&run, &lines] {
    run.Interrupt();
    lines.input().Cancel();
  });
  Status read = co_await run.AppendLines(lines);
  int code = run.Report();
  if (read.ok() || code != kDone) co_return code;
  Fail(read);
  Say("the records before it are appended, as printed; nothing after it was");
  co_return kNotDone;
}

}  // namespace

Task<int> Append(Shell& shell, AppendArguments arguments) {
  if (arguments.source == AppendArguments::Source::kText) {
    co_return co_await AppendRecord(shell, std::move(arguments.text), arguments.acks);
  }
  // Before the log is made, so that a wrong name leaves nothing behind.
  StatusOr<std::unique_ptr<Input>> input = Input::Open(shell.executor(), arguments.text);
  if (!input.ok()) co_return Fail(input.status());
  if (arguments.source == AppendArguments::Source::kLines) {
    co_return co_await AppendLines(shell, *std::move(input), arguments.acks);
  }
  StatusOr<std::string> record = co_await ReadWhole(**input);
  if (!record.ok()) co_return Fail(record.status());
  co_return co_await AppendRecord(shell, *std::move(record), arguments.acks);
}

}  // namespace vlog::cli
