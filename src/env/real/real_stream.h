// One TCP connection: a non-blocking socket, a receive buffer that is handed out in windows, and a
// queue that goes out in gathering writes.
#ifndef VLOG_ENV_REAL_REAL_STREAM_H_
#define VLOG_ENV_REAL_REAL_STREAM_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "async/scheduler.h"
#include "env/network.h"
#include "env/real/receive_buffer.h"

namespace vlog::env {

// The Disconnect status of a system error on a socket to `remote`.
Status SocketError(const boost::system::error_code& error, const std::string& remote);

// Shared with the handlers of its pending operations, which may run after the connection and even
// the Env are gone: only completers, which detach by themselves, lead back there.
class RealStream : public std::enable_shared_from_this<RealStream> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using ReadDone = async::Completer<StatusOr<Bytes>>;
  using SentDone = async::Completer<Status>;

  RealStream(Socket socket, std::string remote);

  // The answer, if no waiting is needed for it.
  std::optional<StatusOr<Bytes>> TryRead(size_t at_least);
  void StartRead(size_t at_least, ReadDone done);
  void Consume(size_t bytes) { buffer_.Consume(bytes); }
  uint64_t received() const { return received_; }
  void Write(BytesList pieces);
  size_t unsent() const { return unsent_; }
  std::optional<Status> TryAwaitUnsent(size_t at_most) const;
  void StartAwaitUnsent(size_t at_most, SentDone done);
  void Close();
  // The connection object is gone.
  void Abandon();
  const std::string& remote() const { return remote_; }

 private:
  void Receive();
  void OnReceived(const boost::system::error_code& error, size_t bytes);
  void Flush();
  void OnWritable(const boost::system::error_code& error);
  // Sends as much as the system takes in one call; false if it takes no more now.
  bool SendSome();
  void DropSent(size_t bytes);
  void Fail(Status why);
  void TellReader();
  void TellSender();
  void BeginLinger();
  void Drain();
  void CloseSocket();

  Socket socket_;
  boost::asio::steady_timer linger_;
  const std::string remote_;
  Status error_;  // not OK: final; nothing more is received or sent

  ReceiveBuffer buffer_;
  uint64_t received_ = 0;
  size_t wanted_ = 0;
  bool receiving_ = false;
  ReadDone reader_;

  std::deque<Bytes> queue_;
  size_t unsent_ = 0;
  bool flush_pending_ = false;  // posted, or waiting for the socket to take more
  size_t awaited_ = 0;
  SentDone sender_;

  bool closing_ = false;    // Close() was called
  bool lingering_ = false;  // all is sent, the peer's end is awaited
};

// Takes over a connected socket and sets its options.
std::shared_ptr<Connection> NewRealConnection(async::Scheduler& scheduler,
                                              RealStream::Socket socket, std::string remote);

}  // namespace vlog::env

#endif  // VLOG_ENV_REAL_REAL_STREAM_H_
