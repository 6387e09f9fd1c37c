// vlog demo: a text through many writers while the log is swapped under them and a node is killed,
// read live and compared byte for byte.
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "commands.h"
#include "demo_report.h"
#include "demo_run.h"
#include "demo_stage.h"
#include "demo_text.h"
#include "exit_code.h"
#include "stop_signals/stop_signals.h"

namespace vlog::cli {
namespace {

namespace fs = std::filesystem;

constexpr long kTmpfsMagic = 0x01021994;
constexpr size_t kPrefixBytes = 21;  // of the longest "i<TAB>"

// A folder that is removed in the end.
class Scratch {
 public:
  ~Scratch() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
    if (error) Say("cannot remove " + path_ + ": " + error.message());
  }
  Status Make(const std::string& keep) {
    const char* temporary = std::getenv("TMPDIR");
    std::string parent = !keep.empty() ? keep : temporary != nullptr ? temporary : "/tmp";
    std::string path = parent + "/vlog-demo-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
      return absl::InvalidArgumentError("cannot make a folder in " + parent + ": " +
                                        std::strerror(errno));
    }
    path_ = path;
    return absl::OkStatus();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Status WriteFile(const std::string& path, const std::string& contents) {
  std::ofstream file(path, std::ios::binary);
  file << contents << "\n";
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError("cannot write " + path);
}

// Where nothing is ever synced.
bool IsInMemory(const std::string& folder) {
  struct statfs system {};
  return ::statfs(folder.c_str(), &system) == 0 && system.f_type == kTmpfsMagic;
}

// As a link where that is possible: the text may be large.
Status KeepInput(const std::string& file, const std::string& kept) {
  std::error_code error;
  if (fs::equivalent(file, kept, error)) return absl::OkStatus();
  fs::remove(kept, error);
  fs::create_hard_link(fs::canonical(file, error), kept, error);
  if (error) fs::copy_file(file, kept, error);
  if (error) return absl::UnavailableError("cannot write " + kept + ": " + error.message());
  return absl::OkStatus();
}

class DemoCommand {
 public:
  DemoCommand(Shell& shell, DemoArguments arguments)
      : shell_(shell), arguments_(std::move(arguments)) {}

  Task<int> Run() {
    Status done = PrepareFolders();
    if (done.ok()) done = co_await RunUntilStopped();
    Status closed = co_await shell_.Close();
    stage_.reset();
    if (interrupted_) co_return kInterrupted;
    if (done.ok()) done = closed;
    if (done.ok()) done = Compare();
    if (!done.ok()) {
      ExitCode code = Fail(done);
      if (code != kUsage) Say("the demo failed");
      co_return code == kDamage ? kNotDone : code;
    }
    if (!arguments_.keep.empty()) done = KeepFiles();
    if (!done.ok()) co_return Fail(done);
    shell_.out().Write(DemoText(report_));
    if (!arguments_.keep.empty()) Say("kept in " + arguments_.keep);
    co_return kDone;
  }

 private:
  Status PrepareFolders() {
    StatusOr<MappedFile> text = MappedFile::Open(arguments_.file);
    VLOG_RETURN_IF_ERROR(text);
    text_ = *std::move(text);
    TextSize size = Measure(text_.view());
    if (size.longest + kPrefixBytes > virtuallog::AppenderOptions().max_record_bytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          arguments_.file, " has a line of ", size.longest, " bytes, more than a record may have"));
    }
    report_.file = arguments_.file;
    report_.lines = size.lines;
    report_.text_bytes = text_.view().size();
    report_.writers = arguments_.writers;
    std::error_code error;
    if (!arguments_.keep.empty()) fs::create_directories(arguments_.keep, error);
    if (error) {
      return absl::InvalidArgumentError("cannot make " + arguments_.keep + ": " + error.message());
    }
    Status made = scratch_.Make(arguments_.keep);
    VLOG_RETURN_IF_ERROR(made);
    kept_ = arguments_.keep.empty() ? scratch_.path() : arguments_.keep;
    SetStage();
    return absl::OkStatus();
  }

  void SetStage() {
    // A log that was named is written where it is.
    bool named = shell_.on_cluster() || !shell_.arguments().directory.empty();
    if (!named && !arguments_.embedded) {
      std::string folder = scratch_.path() + "/cluster";
      report_.in_memory = IsInMemory(scratch_.path());
      stage_ = NewClusterStage(shell_, folder, kept_);
      return;
    }
    if (!named) shell_.UseDirectory(scratch_.path() + "/log");
    stage_ = NewPlainStage(shell_);
  }

  // From here on an interrupt ends the demo in good order.
  Task<Status> RunUntilStopped() {
    tools::GracefulStop stop(shell_.executor(), [this] {
      interrupted_ = true;
      if (run_ != nullptr) run_->Stop(absl::CancelledError("interrupted"));
    });
    co_return co_await RunOnLog();
  }

  Task<Status> RunOnLog() {
    StatusOr<virtuallog::SharedLog*> opened = co_await stage_->Open();
    VLOG_CO_RETURN_IF_ERROR(opened);
    virtuallog::SharedLog& log = **opened;
    TellNodes();
    StatusOr<Lsn> tail = co_await log.CheckTail();
    VLOG_CO_RETURN_IF_ERROR(tail);
    if (*tail > Lsn(0)) {
      co_return absl::InvalidArgumentError("the log '" + log.name() +
                                           "' is not empty; the demo needs one of its own");
    }
    if (!shell_.on_cluster()) report_.in_memory = IsInMemory(shell_.arguments().directory);
    Status ran = co_await WriteAndRead(log);
    VLOG_CO_RETURN_IF_ERROR(ran);
    tail = co_await log.CheckTail();
    VLOG_CO_RETURN_IF_ERROR(tail);
    if (tail->value() != report_.lines) {
      co_return absl::DataLossError(
          absl::StrCat("the log ends at ", tail->value(), ", not at ", report_.lines));
    }
    StatusOr<ChainState> chain = co_await ReadChainState(log);
    VLOG_CO_RETURN_IF_ERROR(chain);
    report_.chain = *std::move(chain);
    co_return absl::OkStatus();
  }

  // At once: whoever looks on may want to watch the processes.
  void TellNodes() {
    report_.nodes = stage_->nodes();
    if (report_.nodes.empty()) return;
    shell_.out().Line(NodesText(report_.nodes));
    shell_.out().Flush();
  }

  Task<Status> WriteAndRead(virtuallog::SharedLog& log) {
    if (interrupted_) co_return absl::CancelledError("interrupted");
    std::string path = ReadPath();
    int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
      co_return absl::InvalidArgumentError("cannot write " + path + ": " + std::strerror(errno));
    }
    Output read_out(descriptor);
    DemoRun::Options options{arguments_.writers, arguments_.swaps, report_.lines};
    {
      DemoRun run(*stage_, log, shell_.scheduler(), text_.view(), read_out, options);
      run_ = &run;
      report_.result = co_await run.Run();
      run_ = nullptr;
    }
    ::close(descriptor);
    co_return report_.result.status;
  }

  std::string ReadPath() const { return kept_ + "/read.txt"; }

  Status Compare() {
    StatusOr<MappedFile> read = MappedFile::Open(ReadPath());
    VLOG_RETURN_IF_ERROR(read);
    return CompareWithText(text_.view(), read->view(), arguments_.writers);
  }

  Status KeepFiles() {
    Status kept = KeepInput(arguments_.file, arguments_.keep + "/input.txt");
    VLOG_RETURN_IF_ERROR(kept);
    kept = WriteFile(arguments_.keep + "/chain.json", ChainJson(report_.chain));
    VLOG_RETURN_IF_ERROR(kept);
    return WriteFile(arguments_.keep + "/summary.json", DemoJson(report_));
  }

  Shell& shell_;
  DemoArguments arguments_;
  Scratch scratch_;
  std::string kept_;  // folder of what --keep keeps, or else the scratch folder
  std::unique_ptr<DemoStage> stage_;
  MappedFile text_;
  DemoReport report_;
  DemoRun* run_ = nullptr;  // while it runs
  bool interrupted_ = false;
};

}  // namespace

Task<int> Demo(Shell& shell, DemoArguments arguments) {
  DemoCommand command(shell, std::move(arguments));
  co_return co_await command.Run();
}

}  // namespace vlog::cli
