#include "env/real/real_stream.h"

#include <limits.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace vlog::env {
namespace {

using boost::asio::socket_base;
using ErrorCode = boost::system::error_code;

constexpr size_t kMaxPieces = IOV_MAX;

Disconnect ReasonOf(const ErrorCode& error) {
  namespace asio_error = boost::asio::error;
  if (error == asio_error::connection_refused) return Disconnect::kRefused;
  if (error == asio_error::eof) return Disconnect::kClosed;
  if (error == asio_error::timed_out) return Disconnect::kSilent;
  if (error == asio_error::network_unreachable || error == asio_error::host_unreachable ||
      error == asio_error::host_not_found || error == asio_error::host_not_found_try_again ||
      error == asio_error::no_data || error == asio_error::service_not_found) {
    return Disconnect::kUnreachable;
  }
  return Disconnect::kReset;
}

}  // namespace

Status SocketError(const ErrorCode& error, const std::string& remote) {
  return DisconnectError(ReasonOf(error), remote + ": " + error.message());
}

RealStream::RealStream(Socket socket, std::string remote)
    : socket_(std::move(socket)), linger_(socket_.get_executor()), remote_(std::move(remote)) {
  ErrorCode ignored;  // these only tune
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(socket_base::keep_alive(true), ignored);
  socket_.non_blocking(true, ignored);
}

// ---- receiving ----

std::optional<StatusOr<Bytes>> RealStream::TryRead(size_t at_least) {
  if (closing_) return StatusOr<Bytes>(DisconnectError(Disconnect::kClosedHere, "closed"));
  if (buffer_.available() >= at_least) return StatusOr<Bytes>(buffer_.Window());
  if (!error_.ok()) return StatusOr<Bytes>(error_);
  return std::nullopt;
}

void RealStream::StartRead(size_t at_least, ReadDone done) {
  wanted_ = at_least;
  reader_ = std::move(done);
  if (!receiving_) Receive();
}

void RealStream::Receive() {
  receiving_ = true;
  buffer_.MakeRoom(wanted_);
  auto room = boost::asio::buffer(buffer_.room(), buffer_.room_size());
  socket_.async_read_some(room, [self = shared_from_this()](const ErrorCode& error, size_t bytes) {
    self->OnReceived(error, bytes);
  });
}

void RealStream::OnReceived(const ErrorCode& error, size_t bytes) {
  receiving_ = false;
  buffer_.Received(bytes);
  received_ += bytes;
  if (closing_) {
    if (error) {
      linger_.cancel();
    } else {
      Drain();
    }
  } else if (error) {
    Fail(SocketError(error, remote_));
  } else if (buffer_.available() < wanted_) {
    Receive();
  } else {
    TellReader();
  }
}

void RealStream::TellReader() {
  std::optional<StatusOr<Bytes>> result = TryRead(wanted_);
  if (!result.has_value()) return;
  ReadDone reader = std::move(reader_);
  reader(*std::move(result));
}

// ---- sending ----

void RealStream::Write(BytesList pieces) {
  if (!error_.ok() || closing_) return;
  for (Bytes& piece : pieces) {
    if (piece.empty()) continue;
    unsent_ += piece.size();
    queue_.push_back(std::move(piece));
  }
  if (flush_pending_ || queue_.empty()) return;
  flush_pending_ = true;
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] { self->Flush(); });
}

void RealStream::Flush() {
  flush_pending_ = false;
  while (error_.ok() && !queue_.empty()) {
    if (SendSome()) continue;
    if (!error_.ok()) break;
    flush_pending_ = true;
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const ErrorCode& error) {
      self->OnWritable(error);
    });
    break;
  }
  TellSender();
  if (closing_ && queue_.empty() && error_.ok()) BeginLinger();
}

void RealStream::OnWritable(const ErrorCode& error) {
  if (error) {
    flush_pending_ = false;
    Fail(SocketError(error, remote_));
    return;
  }
  Flush();
}

bool RealStream::SendSome() {
  std::array<iovec, kMaxPieces> vectors;
  size_t count = std::min(queue_.size(), kMaxPieces);
  for (size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<char*>(queue_[i].data()), queue_[i].size()};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) {
    DropSent(static_cast<size_t>(sent));
    return true;
  }
  if (errno == EINTR) return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) {
    Fail(SocketError(ErrorCode(errno, boost::system::system_category()), remote_));
  }
  return false;
}

void RealStream::DropSent(size_t bytes) {
  unsent_ -= bytes;
  while (bytes > 0) {
    Bytes& front = queue_.front();
    if (bytes < front.size()) {
      front = front.Slice(bytes, front.size() - bytes);
      return;
    }
    bytes -= front.size();
    queue_.pop_front();
  }
}

std::optional<Status> RealStream::TryAwaitUnsent(size_t at_most) const {
  if (!error_.ok()) return error_;
  if (unsent_ <= at_most) return absl::OkStatus();
  return std::nullopt;
}

void RealStream::StartAwaitUnsent(size_t at_most, SentDone done) {
  awaited_ = at_most;
  sender_ = std::move(done);
}

void RealStream::TellSender() {
  std::optional<Status> result = TryAwaitUnsent(awaited_);
  if (!result.has_value()) return;
  SentDone sender = std::move(sender_);
  sender(*std::move(result));
}

// ---- the end ----

void RealStream::Fail(Status why) {
  if (!error_.ok()) return;
  error_ = std::move(why);
  queue_.clear();
  unsent_ = 0;
  CloseSocket();
  // From the executor: this may run inside the caller's Write().
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->TellReader();
    self->TellSender();
  });
}

void RealStream::Close() {
  if (closing_) return;
  closing_ = true;
  if (!error_.ok()) return;
  linger_.expires_after(kCloseLinger);
  linger_.async_wait([self = shared_from_this()](const ErrorCode&) { self->CloseSocket(); });
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->TellReader();
    if (!self->flush_pending_) self->Flush();
  });
}

void RealStream::BeginLinger() {
  if (std::exchange(lingering_, true)) return;
  ErrorCode ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  // A socket that is closed with unread bytes resets the stream, and the peer would lose what was
  // sent last. So they are read and dropped until the peer's end comes.
  if (!receiving_) Drain();
}

void RealStream::Drain() {
  auto scratch = std::make_shared<std::array<char, 4096>>();
  auto room = boost::asio::buffer(*scratch);
  socket_.async_read_some(room,
                          [self = shared_from_this(), scratch](const ErrorCode& error, size_t) {
                            if (error) {
                              self->linger_.cancel();
                            } else {
                              self->Drain();
                            }
                          });
}

void RealStream::CloseSocket() {
  ErrorCode ignored;
  socket_.close(ignored);
}

void RealStream::Abandon() {
  if (closing_ && error_.ok()) return;  // lingers by itself
  Fail(DisconnectError(Disconnect::kClosedHere, "the connection was dropped"));
}

// ---- the connection that users hold ----

namespace {

class RealConnection final : public Connection {
 public:
  RealConnection(async::Scheduler& scheduler, std::shared_ptr<RealStream> stream)
      : scheduler_(scheduler), stream_(std::move(stream)) {}
  ~RealConnection() override { stream_->Abandon(); }

  Task<StatusOr<Bytes>> Read(size_t at_least) override {
    std::optional<StatusOr<Bytes>> ready = stream_->TryRead(at_least);
    if (ready.has_value()) co_return *std::move(ready);
    auto start = [stream = stream_, at_least](RealStream::ReadDone done) {
      stream->StartRead(at_least, std::move(done));
    };
    co_return co_await RealStream::ReadDone::Await(scheduler_, std::move(start));
  }
  void Consume(size_t bytes) override { stream_->Consume(bytes); }
  uint64_t received() const override { return stream_->received(); }
  void Write(BytesList pieces) override { stream_->Write(std::move(pieces)); }
  size_t unsent() const override { return stream_->unsent(); }
  Task<Status> AwaitUnsent(size_t at_most) override {
    std::optional<Status> ready = stream_->TryAwaitUnsent(at_most);
    if (ready.has_value()) co_return *std::move(ready);
    auto start = [stream = stream_, at_most](RealStream::SentDone done) {
      stream->StartAwaitUnsent(at_most, std::move(done));
    };
    co_return co_await RealStream::SentDone::Await(scheduler_, std::move(start));
  }
  void Close() override { stream_->Close(); }
  std::string remote() const override { return stream_->remote(); }

 private:
  async::Scheduler& scheduler_;
  std::shared_ptr<RealStream> stream_;
};

}  // namespace

std::shared_ptr<Connection> NewRealConnection(async::Scheduler& scheduler,
                                              RealStream::Socket socket, std::string remote) {
  auto stream = std::make_shared<RealStream>(std::move(socket), std::move(remote));
  return std::make_shared<RealConnection>(scheduler, std::move(stream));
}

}  // namespace vlog::env
