// JSON as programs write it: strings, and objects put together field by field.
#ifndef VLOG_BASE_JSON_TEXT_H_
#define VLOG_BASE_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace vlog {

// The length in bytes of the code point that `text` begins with; 0 if it is malformed. Strict: no
// overlong form, no surrogate, nothing above U+10FFFF. REQUIRES: `text` is not empty.
size_t CodePointLength(std::string_view text);
bool IsUtf8(std::string_view text);

// With quotes. Bytes that are no UTF-8 become U+FFFD.
std::string JsonString(std::string_view text);
// JSON has no infinities: what is not finite becomes null.
std::string JsonNumber(double value);

// {"a":1,"b":"text"}: fields in the order of the calls. Keys are not checked for doubles.
class JsonObject {
 public:
  JsonObject& Text(std::string_view key, std::string_view value);
  JsonObject& Number(std::string_view key, uint64_t value);
  JsonObject& Real(std::string_view key, double value);
  JsonObject& Bool(std::string_view key, bool value);
  // `json` is a finished JSON value.
  JsonObject& Raw(std::string_view key, std::string_view json);
  std::string Finish() const { return out_ + "}"; }

 private:
  std::string out_ = "{";
};

// [a,b]: of finished JSON values.
class JsonArray {
 public:
  JsonArray& Raw(std::string_view json);
  std::string Finish() const { return out_ + "]"; }

 private:
  std::string out_ = "[";
};

}  // namespace vlog

#endif  // VLOG_BASE_JSON_TEXT_H_
