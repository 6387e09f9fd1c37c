#include "local_cluster/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace vlog::local_cluster {
namespace {

constexpr int kCannotRun = 127;

// An array of C strings, as exec wants it; the strings outlive it.
std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment() {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) {
    if (std::strncmp(*each, "VLOG_", 5) != 0) variables.emplace_back(*each);
  }
  return variables;
}

class File {
 public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags, 0666)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// All that the child needs, made before the fork: between fork and exec only calls are allowed that
// are safe in a signal handler, for another thread may have held any lock.
struct Prepared {
  pid_t parent;
  char* const* words;
  char* const* environment;
  int input, output, errors;
};

[[noreturn]] void BecomeProgram(const Prepared& prepared) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above.
  if (::getppid() != prepared.parent) ::_exit(kCannotRun);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(prepared.input, STDIN_FILENO);
  ::dup2(prepared.output, STDOUT_FILENO);
  ::dup2(prepared.errors, STDERR_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  ::execve(prepared.words[0], prepared.words, prepared.environment);
  constexpr char kFailed[] = "the program cannot be run\n";
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, kFailed, sizeof kFailed - 1);
  ::_exit(kCannotRun);
}

Status CannotOpen(const std::string& path) {
  return absl::UnavailableError("cannot open " + path + ": " + std::strerror(errno));
}

}  // namespace

ChildProcess::ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(end_, other.end_);
  return *this;
}

StatusOr<ChildProcess> ChildProcess::Start(const Command& command) {
  File input("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input.descriptor() < 0) return CannotOpen("/dev/null");
  File errors(command.errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC);
  if (errors.descriptor() < 0) return CannotOpen(command.errors);
  bool apart = !command.output.empty();
  File output(apart ? command.output : command.errors,
              O_WRONLY | O_CREAT | (apart ? O_TRUNC : O_APPEND) | O_CLOEXEC);
  if (output.descriptor() < 0) return CannotOpen(command.output);
  std::vector<std::string> variables = Environment();
  std::vector<char*> words = Pointers(command.words);
  std::vector<char*> environment = Pointers(variables);
  Prepared prepared{::getpid(),         words.data(),        environment.data(),
                    input.descriptor(), output.descriptor(), errors.descriptor()};
  pid_t pid = ::fork();
  if (pid == 0) BecomeProgram(prepared);
  if (pid < 0) return absl::UnavailableError(absl::StrCat("cannot fork: ", std::strerror(errno)));
  return ChildProcess(pid);
}

bool ChildProcess::Running() {
  if (pid_ == 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == 0) return true;
  NoteEnd(status);
  return false;
}

std::string ChildProcess::Wait() {
  int status = 0;
  while (pid_ != 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  if (pid_ != 0) NoteEnd(status);
  return end_;
}

void ChildProcess::Kill() {
  Signal(SIGKILL);
  Wait();
}

void ChildProcess::Signal(int number) {
  // Its number cannot belong to another process before its end was seen.
  if (pid_ != 0) ::kill(pid_, number);
}

void ChildProcess::NoteEnd(int status) {
  end_ = WIFSIGNALED(status) ? absl::StrCat("was ended by signal ", WTERMSIG(status))
                             : absl::StrCat("ended with code ", WEXITSTATUS(status));
  pid_ = 0;
}

}  // namespace vlog::local_cluster
