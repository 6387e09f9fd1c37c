// Start-up and memory: a fresh process opens a log and asks for its tail, with 1,000 records and
// with many, closed in good order and killed.
#include "groups.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "clock.h"
#include "load.h"
#include "report.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

constexpr uint64_t kFew = 1000;
constexpr double kAim = 1.5;
constexpr size_t kPayload = 100;
constexpr size_t kOutstanding = 16384;

// This program, again, with other arguments; its standard output is read.
class Child {
 public:
  static StatusOr<Child> Start(const std::vector<std::string>& arguments) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return absl::UnavailableError("no pipe");
    pid_t pid = ::fork();
    if (pid < 0) return absl::UnavailableError("no process");
    if (pid == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      std::vector<char*> argv;
      std::string name = "vlog-bench";
      argv.push_back(name.data());
      std::vector<std::string> copies = arguments;
      for (std::string& argument : copies) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv("/proc/self/exe", argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    Child child;
    child.pid_ = pid;
    child.output_ = ::fdopen(ends[0], "r");
    return child;
  }
  // "" at the end of the output.
  std::string ReadLine() {
    std::array<char, 256> line{};
    if (std::fgets(line.data(), line.size(), output_) == nullptr) return "";
    return line.data();
  }
  void Kill() { ::kill(pid_, SIGKILL); }
  // Waits for the end; the exit code, or -1 if a signal ended it.
  int Wait() {
    std::fclose(output_);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
  FILE* output_ = nullptr;
};

Status Fill(const std::string& path, uint64_t records, bool close) {
  std::vector<std::string> arguments = {"startup-fill", path, std::to_string(records)};
  if (close) arguments.emplace_back("--close");
  StatusOr<Child> child = Child::Start(arguments);
  VLOG_RETURN_IF_ERROR(child);
  bool full = child->ReadLine() == "full\n";
  if (!close) child->Kill();
  int code = child->Wait();
  if (!full || (close && code != 0)) return absl::UnavailableError("could not fill " + path);
  return absl::OkStatus();
}

struct Opened {
  double millis = 0;
  double mebibytes = 0;
  double cpu_millis = 0;
};

StatusOr<Opened> Probe(const std::string& path) {
  // What the probe before left to the file system would be paid by this one's first sync.
  ::sync();
  StatusOr<Child> child = Child::Start({"startup-probe", path});
  VLOG_RETURN_IF_ERROR(child);
  std::string line = child->ReadLine();
  Opened opened;
  int read = std::sscanf(line.c_str(), "%lf %lf %lf", &opened.millis, &opened.mebibytes,
                         &opened.cpu_millis);
  if (child->Wait() != 0 || read != 3) return absl::UnavailableError("could not open " + path);
  return opened;
}

std::string Thousands(uint64_t records) {
  return records % 1000000 == 0 ? std::to_string(records / 1000000) + " M"
                                : std::to_string(records);
}

Status Compare(const std::string& few, const std::string& many, uint64_t records, bool killed,
               int rounds) {
  Rounds millis;
  Rounds mebibytes;
  Rounds cpu_millis;
  for (int round = 0; round <= rounds; ++round) {
    bool few_first = round % 2 == 0;
    StatusOr<Opened> first = Probe(few_first ? few : many);
    VLOG_RETURN_IF_ERROR(first);
    StatusOr<Opened> second = Probe(few_first ? many : few);
    VLOG_RETURN_IF_ERROR(second);
    const Opened& small = few_first ? *first : *second;
    const Opened& large = few_first ? *second : *first;
    if (round == 0) continue;  // warms up
    millis.Add(large.millis, small.millis);
    mebibytes.Add(large.mebibytes, small.mebibytes);
    cpu_millis.Add(large.cpu_millis, small.cpu_millis);
  }
  for (bool time : {true, false}) {
    Row row;
    row.name = absl::StrFormat("%s, %s records, %s", time ? "start-up" : "memory after start-up",
                               Thousands(records), killed ? "after kill -9" : "closed");
    row.unit = time ? "ms" : "MiB";
    row.reference_name = "1,000 records";
    row.Take(time ? millis : mebibytes);
    // Each process stands alone: neighbours in time have nothing in common that would cancel out.
    row.ratio = row.ours / row.reference;
    row.aim = "<= 1.5x";
    row.verdict = MetIf(row.ratio <= kAim);
    if (time) {
      row.note = absl::StrFormat("CPU %.2f ms against %.2f ms", Median(cpu_millis.ours),
                                 Median(cpu_millis.reference));
    }
    Print(row);
  }
  return absl::OkStatus();
}

double ResidentMebibytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    double kibibytes = 0;
    if (word == "VmRSS:" && status >> kibibytes) return kibibytes / 1024;
  }
  return 0;
}

Task<Status> OpenAndReport(boost::asio::any_io_executor executor, std::string path) {
  StopWatch watch;
  double cpu_before = CpuSeconds();
  StatusOr<OpenedLog> opened = co_await OpenLog(std::move(executor), std::move(path));
  VLOG_CO_RETURN_IF_ERROR(opened);
  StatusOr<Lsn> tail = co_await opened->log->CheckTail();
  VLOG_CO_RETURN_IF_ERROR(tail);
  double millis = watch.Micros() / 1000;
  double cpu_millis = (CpuSeconds() - cpu_before) * 1000;
  std::printf("%.3f %.3f %.3f\n", millis, ResidentMebibytes(), cpu_millis);
  std::fflush(stdout);
  // Nothing is closed: the next probe finds the log as this one did.
  ::_exit(0);
}

Task<Status> FillToCount(boost::asio::any_io_executor executor, std::string path, uint64_t records,
                         bool close) {
  StatusOr<OpenedLog> opened = co_await OpenLog(std::move(executor), std::move(path));
  VLOG_CO_RETURN_IF_ERROR(opened);
  StatusOr<Lsn> tail = co_await opened->log->CheckTail();
  VLOG_CO_RETURN_IF_ERROR(tail);
  Load load;
  load.payload_bytes = kPayload;
  load.outstanding = kOutstanding;
  load.records = records - std::min(records, tail->value());
  // A life that writes nothing leaves no checkpoint, so a killed log would not count as closed.
  if (close) ++load.records;
  if (load.records > 0) {
    StatusOr<LoadResult> filled = co_await RunLoad(&*opened, Style::kCallbacks, load);
    VLOG_CO_RETURN_IF_ERROR(filled);
  }
  std::printf("full\n");
  std::fflush(stdout);
  if (!close) ::pause();
  co_return co_await opened->Close();
}

int Report(const Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "vlog-bench: %s\n", Message(status).c_str());
  return 1;
}

}  // namespace

int ProbeStartup(const std::string& directory) {
  boost::asio::io_context context(1);
  return Report(RunOn(context, OpenAndReport(context.get_executor(), directory)));
}

int FillLog(const std::string& directory, uint64_t records, bool close) {
  boost::asio::io_context context(1);
  return Report(RunOn(context, FillToCount(context.get_executor(), directory, records, close)));
}

Status RunStartup(const Settings& settings) {
  StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
  VLOG_RETURN_IF_ERROR(scratch);
  uint64_t records = settings.quick ? 2000000 : 50000000;
  std::string few = (*scratch)->Path("few");
  std::string many = (*scratch)->Path("many");
  for (bool killed : {true, false}) {
    Progress(absl::StrFormat("start-up on %d and %d records, %s", kFew, records,
                             killed ? "after kill -9" : "closed"));
    Status filled = Fill(few, kFew, !killed);
    VLOG_RETURN_IF_ERROR(filled);
    filled = Fill(many, records, !killed);
    VLOG_RETURN_IF_ERROR(filled);
    Status compared = Compare(few, many, records, killed, settings.quick ? 20 : 40);
    VLOG_RETURN_IF_ERROR(compared);
  }
  return absl::OkStatus();
}

}  // namespace vlog::bench
