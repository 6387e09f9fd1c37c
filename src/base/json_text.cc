#include "base/json_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace vlog {
namespace {

// What follows a lead byte: how many bytes in all, and the range of the second one, which is what
// keeps overlong forms, surrogates and numbers that are too high out.
struct Sequence {
  size_t length;
  unsigned char low;
  unsigned char high;
};

Sequence SequenceOf(unsigned char lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

std::string EscapedByte(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte == 0x7f) return absl::StrFormat("\\u%04x", byte);
  return std::string(1, c);
}

}  // namespace

size_t CodePointLength(std::string_view text) {
  Sequence sequence = SequenceOf(static_cast<unsigned char>(text[0]));
  if (text.size() < sequence.length) return 0;
  for (size_t i = 1; i < sequence.length; ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    unsigned char low = i == 1 ? sequence.low : 0x80;
    unsigned char high = i == 1 ? sequence.high : 0xBF;
    if (byte < low || byte > high) return 0;
  }
  return sequence.length;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = CodePointLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    size_t length = CodePointLength(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (length == 1) {
      out += EscapedByte(text[0]);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out + "\"";
}

std::string JsonNumber(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.17g", value) : "null";
}

JsonObject& JsonObject::Raw(std::string_view key, std::string_view json) {
  if (out_.size() > 1) out_ += ",";
  out_ += JsonString(key) + ":";
  out_ += json;
  return *this;
}

JsonObject& JsonObject::Text(std::string_view key, std::string_view value) {
  return Raw(key, JsonString(value));
}

JsonObject& JsonObject::Number(std::string_view key, uint64_t value) {
  return Raw(key, std::to_string(value));
}

JsonObject& JsonObject::Real(std::string_view key, double value) {
  return Raw(key, JsonNumber(value));
}

JsonObject& JsonObject::Bool(std::string_view key, bool value) {
  return Raw(key, value ? "true" : "false");
}

JsonArray& JsonArray::Raw(std::string_view json) {
  if (out_.size() > 1) out_ += ",";
  out_ += json;
  return *this;
}

}  // namespace vlog
