#include "rpc/message.h"

#include "absl/strings/cord.h"

namespace vlog::rpc {
namespace {

constexpr char kDetailUrl[] = "vlog/detail";
constexpr char kRefusalUrl[] = "vlog/refusal";

std::string GetPayload(const Status& status, const char* url) {
  auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : "";
}

}  // namespace

size_t Payload::size() const {
  size_t total = 0;
  for (const Bytes& piece : pieces) total += piece.size();
  return total;
}

Status WithDetail(Status status, const std::string& detail) {
  status.SetPayload(kDetailUrl, absl::Cord(detail));
  return status;
}

std::string DetailOf(const Status& status) { return GetPayload(status, kDetailUrl); }

Status WithRefusal(Status status, Refusal refusal) {
  status.SetPayload(kRefusalUrl, absl::Cord(std::string(1, static_cast<char>(refusal))));
  return status;
}

Refusal RefusalOf(const Status& status) {
  std::string payload = GetPayload(status, kRefusalUrl);
  return payload.size() == 1 ? static_cast<Refusal>(payload[0]) : Refusal::kNone;
}

}  // namespace vlog::rpc
