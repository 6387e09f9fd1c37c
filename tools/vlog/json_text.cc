#include "json_text.h"

#include "absl/strings/escaping.h"

namespace vlog::cli {

std::string JsonPayload(std::string_view payload) {
  if (IsUtf8(payload)) return "\"text\":" + JsonString(payload);
  std::string encoded = absl::Base64Escape(absl::string_view(payload.data(), payload.size()));
  return "\"b64\":\"" + encoded + "\"";
}

}  // namespace vlog::cli
