// Task<T>: a coroutine that runs on the executor it was spawned on.
//
// Rules, all of them found the hard way with g++ 12 (tools/lint checks what text can show):
// parameters are values, shared pointers, or references to objects that the header says outlive the
// task; no lambda, aggregate, braced list or ?: stands in one expression with co_await.
#ifndef VLOG_ASYNC_TASK_H_
#define VLOG_ASYNC_TASK_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace vlog {

template <typename T>
using Task = boost::asio::awaitable<T>;

}  // namespace vlog

#endif  // VLOG_ASYNC_TASK_H_
