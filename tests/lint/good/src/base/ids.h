#ifndef VLOG_BASE_IDS_H_
#define VLOG_BASE_IDS_H_

// co_await F({1}); std::mutex and TO DO in a comment are words, "not code".
/* thread_local
   co_await Send(Request{1}); */
#include <compare>

#include "absl/strings/str_cat.h"

namespace vlog {

inline const char* kText = "co_await F({1}) \" // not a comment, std::mutex, getenv(";
inline const char* kRaw = R"x(a )" thread_local // /* )x";
inline const char kQuote = '"';
inline const char kSlash = '\'';
inline const int kMillion = 1'000'000;
inline const long kHex = 0xff'ff'ffL;
inline std::atomic<int> counter;

}  // namespace vlog

#endif  // VLOG_BASE_IDS_H_
