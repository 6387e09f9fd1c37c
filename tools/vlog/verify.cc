// vlog verify: reads every byte of the journal and every record of every log.
#include "commands.h"
#include "exit_code.h"

namespace vlog::cli {
namespace {

class VerifyRun {
 public:
  explicit VerifyRun(Shell& shell) : shell_(shell) {}

  Task<int> Run() {
    StatusOr<embedded::Directory*> opened = co_await shell_.OpenDirectory(Shell::Access::kRead);
    if (!opened.ok()) co_return Fail(opened.status());
    directory_ = *opened;
    StatusOr<std::vector<storage::Damage>> damage = co_await directory_->Verify();
    if (!damage.ok()) co_return Fail(damage.status());
    for (const storage::Damage& range : *damage) PrintDamage(range);
    if (damage->empty()) shell_.out().Line("journal: every segment read, no damage");
    StatusOr<std::vector<std::string>> logs = co_await directory_->Logs();
    if (!logs.ok()) co_return Fail(logs.status());
    for (const std::string& name : *logs) {
      Status read = co_await VerifyLog(name);
      if (read.ok()) continue;
      damaged_ |= absl::IsDataLoss(read);
      failed_ |= !absl::IsDataLoss(read);
      shell_.out().Line("log " + name + ": " + Message(read));
    }
    if (!damaged_) co_return failed_ ? kNotDone : kDone;
    Say("damage was found; restore the files named above from a copy if you have one");
    co_return kDamage;
  }

 private:
  void PrintDamage(const storage::Damage& range) {
    damaged_ = true;
    std::string begin = absl::StrFormat("journal/%016x.seg", range.begin.segment);
    std::string bytes;
    if (range.begin.segment == range.end.segment) {
      bytes = absl::StrCat("bytes [", range.begin.offset, ", ", range.end.offset, ")");
    } else {
      bytes = absl::StrFormat("from byte %d to byte %d of journal/%016x.seg", range.begin.offset,
                              range.end.offset, range.end.segment);
    }
    shell_.out().Line(absl::StrCat("damage: ", begin, " ", bytes));
  }

  Task<Status> VerifyLog(std::string name) {
    StatusOr<virtuallog::SharedLog*> log = co_await directory_->OpenLog(name, false);
    VLOG_CO_RETURN_IF_ERROR(log);
    StatusOr<Lsn> from = co_await (*log)->TrimPoint();
    VLOG_CO_RETURN_IF_ERROR(from);
    StatusOr<Lsn> to = co_await (*log)->CheckTail();
    VLOG_CO_RETURN_IF_ERROR(to);
    std::unique_ptr<virtuallog::Reader> reader = (*log)->NewReader(*from);
    uint64_t records = 0;
    uint64_t bytes = 0;
    while (reader->position() < *to) {
      StatusOr<virtuallog::ReadItem> item = co_await reader->Next();
      VLOG_CO_RETURN_IF_ERROR(item);
      for (const virtuallog::RecordRun& run : item->runs) {
        run.ForEach([&](Lsn, std::string_view payload) {
          ++records;
          bytes += payload.size();
        });
      }
      if (item->gap) PrintGap(name, *item->gap);
    }
    StatusOr<std::shared_ptr<const virtuallog::Chain>> chain = co_await (*log)->ReadChain();
    VLOG_CO_RETURN_IF_ERROR(chain);
    shell_.out().Line(absl::StrCat("log ", name, ": [", from->value(), ", ", to->value(), "), ",
                                   records, " records, ", bytes, " bytes, ",
                                   (*chain)->segments().size(), " segments"));
    co_return absl::OkStatus();
  }

  void PrintGap(const std::string& name, const virtuallog::Gap& gap) {
    bool lost = gap.why == virtuallog::Gap::Why::kDataLoss;
    damaged_ |= lost;
    shell_.out().Line(absl::StrCat("log ", name, ": records [", gap.begin.value(), ", ",
                                   gap.end.value(), ") ", lost ? "are lost" : "were trimmed now"));
  }

  Shell& shell_;
  embedded::Directory* directory_ = nullptr;
  bool damaged_ = false;
  bool failed_ = false;
};

}  // namespace

Task<int> Verify(Shell& shell) {
  VerifyRun run(shell);
  co_return co_await run.Run();
}

}  // namespace vlog::cli
