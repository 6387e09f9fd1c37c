#ifndef VLOG_ASYNC_TASK_H_
#define VLOG_ASYNC_TASK_H_

#include <boost/asio/awaitable.hpp>

namespace vlog::async {

template <typename T>
using Task = boost::asio::awaitable<T>;

class TaskGroup {
 public:
  template <typename Function>
  void Spawn(Function function);
};

}  // namespace vlog::async

#endif  // VLOG_ASYNC_TASK_H_
