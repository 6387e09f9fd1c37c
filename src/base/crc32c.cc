#include "base/crc32c.h"

#include <isa-l/crc.h>

namespace vlog {

uint32_t Crc32c(std::string_view data, uint32_t crc) {
  // isa-l takes an int length and leaves the customary inversions to the caller.
  constexpr size_t kStride = size_t{1} << 30;
  uint32_t state = ~crc;
  while (!data.empty()) {
    std::string_view part = data.substr(0, kStride);
    auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(part.data()));
    state = crc32_iscsi(bytes, static_cast<int>(part.size()), state);
    data.remove_prefix(part.size());
  }
  return ~state;
}

}  // namespace vlog
