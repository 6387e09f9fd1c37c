#include <boost/asio/awaitable.hpp>  // BAD

void F() { co_await G(); }  // BAD
