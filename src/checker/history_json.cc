#include "checker/history_json.h"

#include <boost/json/src.hpp>  // Boost.JSON's code; this is its one place in the library.

#include "absl/strings/escaping.h"

namespace vlog::checker {

namespace json = boost::json;

const json::value* JsonReader::Find(const json::object& object, std::string_view key) {
  return object.if_contains({key.data(), key.size()});
}

const json::value* JsonReader::Need(const json::object& object, std::string_view key) {
  const Json* value = Find(object, key);
  if (value == nullptr) Fail(std::string("\"").append(key).append("\" is missing"));
  return value;
}

bool JsonReader::Number(const Json* value, uint64_t& out) {
  if (value == nullptr) return Fail("a number is missing");
  if (value->is_uint64()) {
    out = value->get_uint64();
    return true;
  }
  if (!value->is_int64() || value->get_int64() < 0) return Fail("not a whole number from 0 up");
  out = static_cast<uint64_t>(value->get_int64());
  return true;
}

bool JsonReader::Integer(const Json* value, int64_t& out) {
  if (value == nullptr || !value->is_int64()) return Fail("not a whole number");
  out = value->get_int64();
  return true;
}

bool JsonReader::Bool(const Json* value, bool& out) {
  out = false;
  if (value == nullptr) return true;
  if (!value->is_bool()) return Fail("not true or false");
  out = value->get_bool();
  return true;
}

bool JsonReader::Text(const Json* value, std::string& out) {
  if (value == nullptr || !value->is_string()) return Fail("not a string");
  out.assign(value->get_string().data(), value->get_string().size());
  return true;
}

bool JsonReader::Name(const Json* value, std::string& out) {
  out.clear();
  if (value == nullptr || value->is_null()) return true;
  if (value->is_string()) return Text(value, out);
  uint64_t number = 0;
  if (!Number(value, number)) return false;
  out = std::to_string(number);
  return true;
}

bool JsonReader::Record(const Json& value, std::string& out) {
  if (value.is_string()) return Text(&value, out);
  const json::object* object = value.if_object();
  const Json* base64 = object != nullptr ? Find(*object, "b64") : nullptr;
  if (base64 == nullptr || !base64->is_string()) {
    return Fail("a record is a string or {\"b64\":string}");
  }
  const json::string& text = base64->get_string();
  if (absl::Base64Unescape(absl::string_view(text.data(), text.size()), &out)) return true;
  return Fail("bad base64");
}

bool JsonReader::Pair(const Json* value, Position& from, Position& to) {
  const json::array* pair = value != nullptr ? value->if_array() : nullptr;
  if (pair == nullptr || pair->size() != 2) return Fail("not a pair of positions");
  return Number(&(*pair)[0], from) && Number(&(*pair)[1], to);
}

}  // namespace vlog::checker
