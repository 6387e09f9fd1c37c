#include <algorithm>
#include <cctype>

#include "base/check.h"
#include "base/json_text.h"
#include "server/config_keys.h"
#include "server/config_values.h"

namespace vlog::server {
namespace {

constexpr size_t kMaxNameBytes = 64;
constexpr size_t kMaxPathBytes = 4096;

uint64_t Nanoseconds(Duration duration) { return static_cast<uint64_t>(duration.count()); }

std::string UpperCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string Joined(std::string key, char separator) {
  std::replace(key.begin(), key.end(), '.', separator);
  return key;
}

Status CheckName(std::string_view text) {
  auto fits = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
  };
  if (!text.empty() && text.size() <= kMaxNameBytes &&
      std::all_of(text.begin(), text.end(), fits)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("is not a name: 1 to ", kMaxNameBytes, " letters, digits, '.', '_' and '-'"));
}

Status CheckPath(std::string_view text) {
  auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.empty() || text.size() > kMaxPathBytes || !IsUtf8(text) ||
      std::any_of(text.begin(), text.end(), control)) {
    return absl::InvalidArgumentError("is not a file name");
  }
  return absl::OkStatus();
}

Status CheckAddress(const ConfigKey& key, std::string_view text) {
  StatusOr<env::Address> address = ParseAddress(text);
  VLOG_RETURN_IF_ERROR(address);
  if (key.min > 0 && (address->port == 0 || IsWildcard(*address))) {
    return absl::InvalidArgumentError("is not an address that others can connect to");
  }
  return absl::OkStatus();
}

Status CheckChoice(const ConfigKey& key, std::string_view text) {
  if (std::find(key.choices.begin(), key.choices.end(), text) != key.choices.end()) {
    return absl::OkStatus();
  }
  std::string why = "is not " + DescribeConfigType(key);
  std::optional<std::string> meant = ClosestName(text, key.choices);
  if (meant) why += "; did you mean " + QuotedText(*meant) + "?";
  return absl::InvalidArgumentError(why);
}

Status CheckText(const ConfigKey& key, std::string_view text) {
  if (text.empty() && key.optional) return absl::OkStatus();
  switch (key.type) {
    case ConfigType::kName:
      return CheckName(text);
    case ConfigType::kPath:
      return CheckPath(text);
    case ConfigType::kAddress:
      return CheckAddress(key, text);
    case ConfigType::kHexId: {
      StatusOr<uint64_t> id = ParseHexId(text);
      VLOG_RETURN_IF_ERROR(id);
      if (*id == 0) return absl::InvalidArgumentError("is not an id: zero names no cluster");
      return absl::OkStatus();
    }
    case ConfigType::kChoice:
      return CheckChoice(key, text);
    default:
      VLOG_CHECK(false, "the other types are numbers");
  }
}

StatusOr<uint64_t> ParseNumber(const ConfigKey& key, std::string_view text) {
  if (key.type == ConfigType::kSize) return ParseSize(text);
  if (key.type == ConfigType::kInteger) return ParseInteger(text);
  StatusOr<Duration> duration = ParseDuration(text);
  VLOG_RETURN_IF_ERROR(duration);
  return Nanoseconds(*duration);
}

std::string NumberText(const ConfigKey& key, uint64_t value) {
  if (key.type == ConfigType::kSize) return SizeText(value);
  if (key.type == ConfigType::kInteger) return std::to_string(value);
  return DurationText(Duration(static_cast<int64_t>(value)));
}

}  // namespace

std::string ConfigKey::FlagName() const {
  std::string flag = Joined(key, '-');
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string ConfigKey::VariableName() const { return "VLOG_" + UpperCase(Joined(key, '_')); }

Status SetConfigField(const ConfigKey& key, std::string_view text, ConfigField field) {
  if (auto* target = std::get_if<std::string*>(&field)) {
    Status checked = CheckText(key, text);
    VLOG_RETURN_IF_ERROR(checked);
    **target = std::string(text);
    if (key.type != ConfigType::kHexId || text.empty()) return absl::OkStatus();
    **target = HexIdText(*ParseHexId(text));  // one spelling
    return absl::OkStatus();
  }
  StatusOr<uint64_t> number = ParseNumber(key, text);
  VLOG_RETURN_IF_ERROR(number);
  if (*number < key.min || *number > key.max) {
    return absl::InvalidArgumentError("is not " + DescribeConfigType(key));
  }
  if (auto* count = std::get_if<uint64_t*>(&field)) **count = *number;
  if (auto* id = std::get_if<NodeId*>(&field)) **id = NodeId(*number);
  if (auto* duration = std::get_if<Duration*>(&field)) {
    **duration = Duration(static_cast<int64_t>(*number));
  }
  return absl::OkStatus();
}

std::string ConfigFieldText(const ConfigKey& key, ConfigField field) {
  if (auto* text = std::get_if<std::string*>(&field)) return QuotedText(**text);
  uint64_t number = 0;
  if (auto* count = std::get_if<uint64_t*>(&field)) number = **count;
  if (auto* id = std::get_if<NodeId*>(&field)) number = (*id)->value();
  if (auto* duration = std::get_if<Duration*>(&field)) number = Nanoseconds(**duration);
  std::string text = NumberText(key, number);
  return key.type == ConfigType::kInteger ? text : QuotedText(text);
}

std::string DescribeConfigType(const ConfigKey& key) {
  std::string range = " from " + NumberText(key, key.min) + " to " + NumberText(key, key.max);
  switch (key.type) {
    case ConfigType::kName:
      return "a name";
    case ConfigType::kPath:
      return "a file name";
    case ConfigType::kAddress:
      return "an address, HOST:PORT";
    case ConfigType::kHexId:
      return "an id of 16 hexadecimal digits";
    case ConfigType::kInteger:
      return "a whole number" + range;
    case ConfigType::kSize:
      return "a size" + range;
    case ConfigType::kDuration:
      return "a duration" + range;
    case ConfigType::kChoice:
      break;
  }
  std::string choices;
  for (const std::string& choice : key.choices) {
    choices += (choices.empty() ? "" : " or ") + QuotedText(choice);
  }
  return choices;
}

}  // namespace vlog::server
