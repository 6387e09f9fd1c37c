#include "server/config_values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace vlog::server {
namespace {

struct Unit {
  std::string_view name;
  uint64_t value;
};

// From the smallest to the largest; each is a multiple of the one before.
constexpr std::array<Unit, 6> kTimeUnits{{{"ns", 1},
                                          {"us", 1'000},
                                          {"ms", 1'000'000},
                                          {"s", 1'000'000'000},
                                          {"min", 60'000'000'000},
                                          {"h", 3'600'000'000'000}}};
constexpr std::array<Unit, 4> kSizeUnits{
    {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};

// The number at the front of `text`, which it is removed from.
std::optional<uint64_t> TakeNumber(std::string_view& text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

template <size_t n>
StatusOr<uint64_t> ParseWithUnit(std::string_view text, const std::array<Unit, n>& units,
                                 uint64_t limit, const char* expected) {
  std::string_view rest = text;
  std::optional<uint64_t> number = TakeNumber(rest);
  auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == rest; });
  if (!number || unit == units.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("is not ", expected, number && rest.empty() ? " (the unit is missing)" : ""));
  }
  if (*number > limit / unit->value) return absl::InvalidArgumentError("is too large");
  return *number * unit->value;
}

template <size_t n>
std::string TextWithUnit(uint64_t value, const std::array<Unit, n>& units) {
  size_t best = 0;
  for (size_t i = 0; i < n; ++i) {
    if (value != 0 && value % units[i].value == 0) best = i;
  }
  return std::to_string(value / units[best].value) + std::string(units[best].name);
}

bool IsHostCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_' ||
         c == ':' || c == '%';
}

}  // namespace

StatusOr<Duration> ParseDuration(std::string_view text) {
  StatusOr<uint64_t> nanoseconds =
      ParseWithUnit(text, kTimeUnits, static_cast<uint64_t>(Duration::max().count()),
                    "a duration like \"500ms\": a whole number and one of ns, us, ms, s, min, h");
  VLOG_RETURN_IF_ERROR(nanoseconds);
  return Duration(static_cast<int64_t>(*nanoseconds));
}

std::string DurationText(Duration duration) {
  if (duration == Duration(0)) return "0s";
  return TextWithUnit(static_cast<uint64_t>(duration.count()), kTimeUnits);
}

StatusOr<uint64_t> ParseSize(std::string_view text) {
  return ParseWithUnit(text, kSizeUnits, UINT64_MAX,
                       "a size like \"64MiB\": a whole number and one of B, KiB, MiB, GiB");
}

std::string SizeText(uint64_t bytes) { return TextWithUnit(bytes, kSizeUnits); }

StatusOr<uint64_t> ParseInteger(std::string_view text) {
  std::string_view rest = text;
  std::optional<uint64_t> number = TakeNumber(rest);
  if (!number || !rest.empty()) return absl::InvalidArgumentError("is not a whole number");
  return *number;
}

StatusOr<uint64_t> ParseHexId(std::string_view text) {
  uint64_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) {
    return absl::InvalidArgumentError("is not an id: 16 hexadecimal digits");
  }
  return id;
}

std::string HexIdText(uint64_t id) { return absl::StrFormat("%016x", id); }

StatusOr<env::Address> ParseAddress(std::string_view text) {
  StatusOr<env::Address> address = env::Address::Parse(std::string(text));
  if (address.ok() && std::all_of(address->host.begin(), address->host.end(), IsHostCharacter)) {
    return address;
  }
  return absl::InvalidArgumentError(
      "is not an address: HOST:PORT or [IPV6]:PORT, with a port from 0 to 65535");
}

bool IsWildcard(const env::Address& address) {
  return address.host == "0.0.0.0" || address.host.find_first_not_of("0:") == std::string::npos;
}

namespace {

// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({replace, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

// '-' for '_' and another case are no reason to miss what was meant.
std::string Folded(std::string_view word) {
  std::string folded(word);
  for (char& c : folded) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return folded;
}

}  // namespace

std::optional<std::string> ClosestName(std::string_view word,
                                       const std::vector<std::string>& candidates) {
  constexpr size_t kLongestWord = 64;  // nothing longer was mistyped by one or two keys
  if (word.size() > kLongestWord) return std::nullopt;
  std::optional<std::string> best;
  if (word.size() >= 3) {
    // What was cut short: "warn" for "warning".
    for (const std::string& candidate : candidates) {
      if (Folded(candidate).rfind(Folded(word), 0) == 0) return candidate;
    }
  }
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    size_t distance = EditDistance(Folded(word), Folded(candidate));
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

std::string QuotedText(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (c == '"' || c == '\\') out.push_back('\\');
    if (control) {
      out += absl::StrFormat("\\u%04X", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

}  // namespace vlog::server
