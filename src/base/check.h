// VLOG_CHECK(condition, "what it means"): states an invariant that holds in release builds too. A
// failed check prints the condition, the place and the explanation to stderr and aborts: a broken
// invariant must stop the process before it can acknowledge anything.
#ifndef VLOG_BASE_CHECK_H_
#define VLOG_BASE_CHECK_H_

#include <string_view>

namespace vlog::internal {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              std::string_view message);

}  // namespace vlog::internal

#define VLOG_CHECK(condition, message)                                        \
  do {                                                                        \
    if (!(condition)) [[unlikely]] {                                          \
      ::vlog::internal::CheckFailed(__FILE__, __LINE__, #condition, message); \
    }                                                                         \
  } while (false)

#endif  // VLOG_BASE_CHECK_H_
