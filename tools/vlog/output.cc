#include "output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace vlog::cli {
namespace {

constexpr Duration kProgressPeriod = std::chrono::milliseconds(100);

}  // namespace

void Output::Flush() {
  std::string_view rest = buffer_;
  while (status_.ok() && !rest.empty()) {
    ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      status_ = absl::CancelledError("standard output is closed");
    } else if (errno != EINTR) {
      status_ = absl::UnavailableError(absl::StrCat("write output: ", std::strerror(errno)));
    }
  }
  buffer_.clear();
}

Progress::Progress() : visible_(::isatty(STDERR_FILENO) == 1) {}

bool Progress::Due(Instant now) {
  if (!visible_ || now - last_ < kProgressPeriod) return false;
  last_ = now;
  return true;
}

void Progress::Show(const std::string& line) {
  if (!visible_) return;
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  shown_ = true;
}

void Progress::Clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string Megabytes(uint64_t bytes) { return absl::StrFormat("%.1f MB", bytes / 1e6); }

}  // namespace vlog::cli
