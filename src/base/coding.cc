#include "base/coding.h"

#include "base/check.h"

namespace vlog {

void PutString(std::string* out, std::string_view data) {
  VLOG_CHECK(data.size() <= UINT32_MAX, "a string's length fits 32 bits");
  PutFixed(out, static_cast<uint32_t>(data.size()));
  out->append(data);
}

std::string_view Decoder::Raw(size_t length) {
  if (!Has(length)) return {};
  std::string_view result = input_.substr(0, length);
  input_.remove_prefix(length);
  return result;
}

}  // namespace vlog
