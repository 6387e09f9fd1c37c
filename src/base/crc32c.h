// CRC-32C (Castagnoli), hardware-assisted.
#ifndef VLOG_BASE_CRC32C_H_
#define VLOG_BASE_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace vlog {

// The CRC-32C of the bytes covered by `crc` followed by `data`; start with crc = 0.
uint32_t Crc32c(std::string_view data, uint32_t crc = 0);

}  // namespace vlog

#endif  // VLOG_BASE_CRC32C_H_
