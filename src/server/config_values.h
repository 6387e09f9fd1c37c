// The notations of single settings: durations, sizes, addresses, ids, and names that were mistyped.
// All of it pure.
#ifndef VLOG_SERVER_CONFIG_VALUES_H_
#define VLOG_SERVER_CONFIG_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "env/network.h"

namespace vlog::server {

// A whole number and a unit: ns, us, ms, s, min or h. Below zero there is nothing.
// kInvalidArgument: no such notation, or more than fits.
StatusOr<Duration> ParseDuration(std::string_view text);
// The shortest such notation: 1500 ms is "1500ms", 60,000 ms is "1min".
std::string DurationText(Duration duration);

// A whole number and a unit: B, KiB, MiB or GiB.
StatusOr<uint64_t> ParseSize(std::string_view text);
std::string SizeText(uint64_t bytes);

// Digits only.
StatusOr<uint64_t> ParseInteger(std::string_view text);

// Exactly 16 hexadecimal digits.
StatusOr<uint64_t> ParseHexId(std::string_view text);
std::string HexIdText(uint64_t id);

// "HOST:PORT" or "[IPv6]:PORT". HOST is a name or an address; nothing is looked up.
StatusOr<env::Address> ParseAddress(std::string_view text);
// Every address of the machine: good to listen on, useless to connect to.
bool IsWildcard(const env::Address& address);

// The one of `candidates` that `word` was probably meant to be.
std::optional<std::string> ClosestName(std::string_view word,
                                       const std::vector<std::string>& candidates);

// `text` in double quotes, as TOML's basic strings have it. REQUIRES: UTF-8.
std::string QuotedText(std::string_view text);

}  // namespace vlog::server

#endif  // VLOG_SERVER_CONFIG_VALUES_H_
