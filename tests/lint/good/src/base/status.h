#ifndef VLOG_BASE_STATUS_H_
#define VLOG_BASE_STATUS_H_

// Macros for coroutines belong to base; a statement, not an expression.
#define CO_RETURN_IF_ERROR(status)        \
  do {                                    \
    if (!(status).ok()) co_return status; \
  } while (false)

#define UNBALANCED if (true) {

#endif  // VLOG_BASE_STATUS_H_
