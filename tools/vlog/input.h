// Input files, read piece by piece on the loop; "-" is standard input.
#ifndef VLOG_TOOLS_VLOG_INPUT_H_
#define VLOG_TOOLS_VLOG_INPUT_H_

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/status.h"

namespace vlog::cli {

class Input {
 public:
  // kInvalidArgument: it cannot be opened; says why.
  static StatusOr<std::unique_ptr<Input>> Open(boost::asio::any_io_executor executor,
                                               const std::string& path);
  ~Input();

  // What comes next, "" at the end. Other work goes on while a pipe or terminal has nothing to
  // give. kCancelled after Cancel().
  Task<StatusOr<std::string>> ReadSome();
  void Cancel();
  const std::string& name() const { return name_; }

 private:
  struct Descriptor;
  Input(std::unique_ptr<Descriptor> descriptor, std::string name);
  std::unique_ptr<Descriptor> descriptor_;
  std::string name_;
  bool cancelled_ = false;
};

// Cuts an input into lines. A last line without newline counts; what follows a last newline does
// not. Memory: the longest line and one piece of the input.
class LineReader {
 public:
  LineReader(std::unique_ptr<Input> input, size_t max_line_bytes)
      : input_(std::move(input)), max_line_bytes_(max_line_bytes) {}

  // The next line, without its newline; valid until the next call. False: Fill(), or the end.
  bool Next(std::string_view* line);
  // kInvalidArgument: a line is longer than the limit; the lines before it were returned.
  Task<Status> Fill();
  bool at_end() const { return ended_ && begin_ == buffer_.size(); }
  Input& input() { return *input_; }

 private:
  std::unique_ptr<Input> input_;
  size_t max_line_bytes_;
  std::string buffer_;
  size_t begin_ = 0;    // of the line that comes next
  size_t scanned_ = 0;  // no newline in [begin_, scanned_)
  uint64_t lines_ = 0;  // returned so far
  bool ended_ = false;
};

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_INPUT_H_
