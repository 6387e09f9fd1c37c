#ifndef VLOG_BASE_X_H_
#define VLOG_BASE_X_H_

#include <boost/asio/awaitable.hpp>  // BAD

#endif  // VLOG_BASE_X_H_
