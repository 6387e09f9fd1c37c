#include "input.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

namespace vlog::cli {
namespace {

constexpr size_t kPiece = 256 * 1024;

}  // namespace

// Regular files and devices without readiness are read directly: they do not make anyone wait.
struct Input::Descriptor {
  Descriptor(boost::asio::any_io_executor executor, int number)
      : waiter(std::move(executor)), number(number) {
    boost::system::error_code refused;
    waiter.assign(number, refused);
    waits = !refused;
  }
  ~Descriptor() {
    if (waits) waiter.release();
    if (number != STDIN_FILENO) ::close(number);
  }

  boost::asio::posix::stream_descriptor waiter;
  int number;
  bool waits;
};

Input::Input(std::unique_ptr<Descriptor> descriptor, std::string name)
    : descriptor_(std::move(descriptor)), name_(std::move(name)) {}
Input::~Input() = default;

StatusOr<std::unique_ptr<Input>> Input::Open(boost::asio::any_io_executor executor,
                                             const std::string& path) {
  bool standard = path == "-";
  int number = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (number < 0) {
    return absl::InvalidArgumentError("cannot read " + path + ": " + std::strerror(errno));
  }
  auto descriptor = std::make_unique<Descriptor>(std::move(executor), number);
  return std::unique_ptr<Input>(
      new Input(std::move(descriptor), standard ? "standard input" : path));
}

Task<StatusOr<std::string>> Input::ReadSome() {
  if (descriptor_->waits && !cancelled_) {
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    co_await descriptor_->waiter.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                            token);
  }
  if (cancelled_) co_return absl::CancelledError("interrupted");
  std::string piece(kPiece, '\0');
  ssize_t got = -1;
  do {
    got = ::read(descriptor_->number, piece.data(), piece.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    co_return absl::InvalidArgumentError("cannot read " + name_ + ": " + std::strerror(errno));
  }
  piece.resize(static_cast<size_t>(got));
  co_return std::move(piece);
}

void Input::Cancel() {
  cancelled_ = true;
  boost::system::error_code ignored;
  if (descriptor_->waits) descriptor_->waiter.cancel(ignored);
}

bool LineReader::Next(std::string_view* line) {
  size_t newline = buffer_.find('\n', scanned_);
  if (newline == std::string::npos) {
    scanned_ = buffer_.size();
    if (!ended_ || begin_ == buffer_.size()) return false;
    newline = buffer_.size();
  }
  *line = std::string_view(buffer_).substr(begin_, newline - begin_);
  if (line->size() > max_line_bytes_) return false;
  begin_ = scanned_ = std::min(newline + 1, buffer_.size());
  ++lines_;
  return true;
}

Task<Status> LineReader::Fill() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  size_t line_bytes = std::min(buffer_.find('\n'), buffer_.size());
  if (line_bytes > max_line_bytes_) {
    co_return absl::InvalidArgumentError(absl::StrCat("line ", lines_ + 1, " of ", input_->name(),
                                                      " is longer than a record may be, ",
                                                      max_line_bytes_, " bytes"));
  }
  StatusOr<std::string> piece = co_await input_->ReadSome();
  VLOG_CO_RETURN_IF_ERROR(piece);
  ended_ = piece->empty();
  buffer_ += *piece;
  co_return absl::OkStatus();
}

}  // namespace vlog::cli
