#include <boost/asio/experimental/awaitable_operators.hpp>  // BAD

namespace vlog::async {

using namespace boost::asio::experimental::awaitable_operators;  // BAD

}  // namespace vlog::async
