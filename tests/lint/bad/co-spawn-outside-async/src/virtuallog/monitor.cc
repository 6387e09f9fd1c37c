#include <boost/asio/co_spawn.hpp>  // BAD

namespace vlog::virtuallog {

void Start(Executor ex, Peer& peer) {
  boost::asio::co_spawn(ex, Send(peer), Rethrow());  // BAD
}

}  // namespace vlog::virtuallog
