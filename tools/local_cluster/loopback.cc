#include "local_cluster/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>

namespace vlog::local_cluster {
namespace {

constexpr uint16_t kLowestPort = 10'000;
constexpr uint16_t kUsualFirstOutgoingPort = 32'768;
constexpr size_t kTries = 1000;  // a port

class Socket {
 public:
  Socket() : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool Bind(uint16_t port) {
    // As servers do: connections of the past do not hold a port.
    int yes = 1;
    ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address = Loopback(port);
    return ::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
           ::listen(descriptor_, 1) == 0;
  }
  bool Connect(uint16_t port) {
    timeval second{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    sockaddr_in address = Loopback(port);
    return ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool Send(const std::string& data) {
    return ::send(descriptor_, data.data(), data.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(data.size());
  }
  std::string ReceiveAll() {
    std::string all;
    char buffer[4096];
    ssize_t count;
    while ((count = ::recv(descriptor_, buffer, sizeof buffer, 0)) > 0) {
      all.append(buffer, static_cast<size_t>(count));
    }
    return all;
  }

 private:
  static sockaddr_in Loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, kLoopback, &address.sin_addr);
    return address;
  }

  int descriptor_;
};

uint16_t FirstOutgoingPort() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  uint16_t first = 0;
  // Where nearly all ports are handed out there is nothing to choose.
  if (file >> first && first > kLowestPort + 1000) return first;
  return kUsualFirstOutgoingPort;
}

}  // namespace

StatusOr<std::vector<uint16_t>> FreePorts(size_t count) {
  std::random_device seed;
  std::uniform_int_distribution<int> choice(kLowestPort, FirstOutgoingPort() - 1);
  std::vector<uint16_t> ports;
  for (size_t tried = 0; ports.size() < count && tried < kTries * count; ++tried) {
    auto port = static_cast<uint16_t>(choice(seed));
    Socket socket;
    bool known = std::find(ports.begin(), ports.end(), port) != ports.end();
    if (!known && socket.Bind(port)) ports.push_back(port);
  }
  if (ports.size() == count) return ports;
  return absl::ResourceExhaustedError(
      absl::StrCat("of ", count, " free ports on loopback only ", ports.size(), " were found"));
}

StatusOr<Page> GetPage(uint16_t port, const std::string& path) {
  Socket socket;
  std::string where = absl::StrCat("http://", kLoopback, ":", port, path);
  if (!socket.Connect(port)) {
    return absl::UnavailableError(where + ": " + std::strerror(errno));
  }
  std::string request = "GET " + path + " HTTP/1.1\r\nHost: loopback\r\nConnection: close\r\n\r\n";
  std::string answer = socket.Send(request) ? socket.ReceiveAll() : "";
  size_t end_of_head = answer.find("\r\n\r\n");
  if (answer.rfind("HTTP/1.", 0) != 0 || end_of_head == std::string::npos) {
    return absl::UnavailableError(where + ": no answer");
  }
  constexpr size_t kCodeAt = sizeof "HTTP/1.1" - 1;
  return Page{std::atoi(answer.c_str() + kCodeAt), answer.substr(end_of_head + 4)};
}

}  // namespace vlog::local_cluster
