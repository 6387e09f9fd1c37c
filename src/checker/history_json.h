#ifndef VLOG_CHECKER_HISTORY_JSON_H_
#define VLOG_CHECKER_HISTORY_JSON_H_

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "checker/event.h"

namespace vlog::checker {

// Internal to the history parser: takes typed parts out of JSON values. Each method returns false
// where the value has another form; the first thing that was wrong stays in error(). Pointers may
// be null, for a key that is missing. Not thread-safe.
class JsonReader {
 public:
  using Json = boost::json::value;

  bool Fail(std::string_view what) {
    if (error_.empty()) error_ = std::string(what);
    return false;
  }
  const std::string& error() const { return error_; }

  // The value of a key, or null.
  static const Json* Find(const boost::json::object& object, std::string_view key);
  // The same, where missing is an error.
  const Json* Need(const boost::json::object& object, std::string_view key);

  bool Number(const Json* value, uint64_t& out);
  bool Integer(const Json* value, int64_t& out);
  bool Bool(const Json* value, bool& out);  // false where missing
  bool Text(const Json* value, std::string& out);
  bool Name(const Json* value, std::string& out);  // text or a number; empty where missing
  bool Record(const Json& value, std::string& out);
  bool Pair(const Json* value, Position& from, Position& to);

  // The "res" of an operation that ended well, by kind of operation. REQUIRES: the payload of
  // `event` is empty.
  bool Items(const Json& res, Event& event);
  bool Chain(const Json& res, Event& event);
  bool Won(const Json& res, Event& event);

 private:
  bool Item(const Json& item, ReadItem& out);
  bool Gap(const boost::json::object& item, ReadItem& out);
  bool Segment(const Json& value, ChainSegment& out);

  std::string error_;
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_HISTORY_JSON_H_
