#include "env/network.h"

#include <charconv>

#include "absl/strings/cord.h"

namespace vlog::env {
namespace {

constexpr char kReasonUrl[] = "vlog/disconnect";

}  // namespace

StatusOr<Address> Address::Parse(const std::string& text) {
  auto wrong = [&text](const char* what) {
    return absl::InvalidArgumentError("address '" + text + "': " + what +
                                      "; write host:port or [v6 address]:port");
  };
  size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong("it has no port");
  Address address;
  address.host = text.substr(0, colon);
  if (!address.host.empty() && address.host.front() == '[') {
    if (address.host.back() != ']') return wrong("the bracket is not closed before the port");
    address.host = address.host.substr(1, address.host.size() - 2);
  } else if (address.host.find(':') != std::string::npos) {
    return wrong("an IPv6 address stands in brackets");
  }
  if (address.host.empty()) return wrong("it has no host");
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(begin, end, address.port);
  if (begin == end || error != std::errc() || stop != end) {
    return wrong("the port is no number from 0 to 65535");
  }
  return address;
}

std::string Address::ToString() const {
  bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

const char* ToString(Disconnect reason) {
  switch (reason) {
    case Disconnect::kRefused:
      return "refused";
    case Disconnect::kUnreachable:
      return "unreachable";
    case Disconnect::kSilent:
      return "silent";
    case Disconnect::kReset:
      return "reset";
    case Disconnect::kClosed:
      return "closed by the peer";
    case Disconnect::kClosedHere:
      return "closed here";
  }
  return "?";
}

Status DisconnectError(Disconnect reason, const std::string& message) {
  Status status = absl::UnavailableError(message);
  status.SetPayload(kReasonUrl, absl::Cord(std::to_string(static_cast<int>(reason))));
  return status;
}

std::optional<Disconnect> DisconnectOf(const Status& status) {
  auto payload = status.GetPayload(kReasonUrl);
  if (!payload.has_value()) return std::nullopt;
  int number = std::stoi(std::string(*payload));
  return static_cast<Disconnect>(number);
}

}  // namespace vlog::env
