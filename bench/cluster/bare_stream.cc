#include "cluster/bare_stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "clock.h"

namespace vlog::bench {
namespace {

constexpr size_t kPiece = 256 << 10;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Status SystemError(const std::string& what) {
  return absl::UnavailableError(what + ": " + std::strerror(errno));
}

void WriteAll(int descriptor, uint64_t bytes) {
  std::vector<char> piece(kPiece, 'r');
  while (bytes > 0) {
    ssize_t written =
        ::send(descriptor, piece.data(), std::min<uint64_t>(bytes, kPiece), MSG_NOSIGNAL);
    if (written <= 0) return;  // the reader sees the end of the stream
    bytes -= static_cast<uint64_t>(written);
  }
}

}  // namespace

StatusOr<double> StreamOverLoopback(uint64_t bytes) {
  Socket listener(::socket(AF_INET, SOCK_STREAM, 0));
  Socket writer(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  bool open = ::bind(listener.get(), generic, length) == 0 && ::listen(listener.get(), 1) == 0 &&
              ::getsockname(listener.get(), generic, &length) == 0 &&
              ::connect(writer.get(), generic, length) == 0;
  if (!open) return SystemError("a connection over loopback");
  Socket reader(::accept(listener.get(), nullptr, nullptr));
  if (reader.get() < 0) return SystemError("accept over loopback");
  StopWatch watch;
  std::thread thread(WriteAll, writer.get(), bytes);
  std::vector<char> piece(kPiece);
  uint64_t received = 0;
  while (received < bytes) {
    ssize_t got = ::recv(reader.get(), piece.data(), piece.size(), 0);
    if (got <= 0) break;
    received += static_cast<uint64_t>(got);
  }
  double seconds = watch.Seconds();
  thread.join();
  if (received < bytes) return SystemError("the stream over loopback ended early");
  return seconds;
}

}  // namespace vlog::bench
