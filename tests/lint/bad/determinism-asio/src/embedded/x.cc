#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>  // BAD
