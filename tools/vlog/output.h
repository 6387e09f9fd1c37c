// Standard output as data, buffered; standard error as a progress line on terminals.
#ifndef VLOG_TOOLS_VLOG_OUTPUT_H_
#define VLOG_TOOLS_VLOG_OUTPUT_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/time.h"

namespace vlog::cli {

// Writes to a file descriptor that it does not own. Writes block: a slow reader slows the command
// down instead of filling memory.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  void Write(std::string_view data) {
    buffer_.append(data);
    if (buffer_.size() >= kBuffer) Flush();
  }
  void Line(std::string_view data) {
    Write(data);
    Write("\n");
  }
  void Flush();

  // kCancelled: the other end of the pipe has gone. Any other error says why bytes were lost.
  const Status& status() const { return status_; }
  bool closed() const { return absl::IsCancelled(status_); }

 private:
  static constexpr size_t kBuffer = 256 * 1024;
  int descriptor_;
  std::string buffer_;
  Status status_;
};

// A line that is written over and over; nothing where standard error is no terminal.
class Progress {
 public:
  Progress();
  ~Progress() { Clear(); }
  bool visible() const { return visible_; }
  // True at most a few times a second: time to call Show().
  bool Due(Instant now);
  void Show(const std::string& line);
  void Clear();

 private:
  bool visible_;
  bool shown_ = false;
  Instant last_;
};

// "1,234,567"
std::string Grouped(uint64_t number);
// "12.3 MB"
std::string Megabytes(uint64_t bytes);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_OUTPUT_H_
