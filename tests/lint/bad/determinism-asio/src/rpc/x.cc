#include <boost/asio.hpp>               // BAD
#include <boost/asio/io_context.hpp>    // BAD
#include <boost/asio/ip/tcp.hpp>        // BAD
#include <boost/asio/steady_timer.hpp>  // BAD
#include "boost/asio/ip/udp.hpp"        // BAD

boost::asio::steady_timer timer;        // BAD
boost::asio::ip::tcp::socket s;         // BAD
asio::io_context io;                    // BAD
