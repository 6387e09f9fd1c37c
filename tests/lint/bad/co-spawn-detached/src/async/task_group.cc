namespace vlog::async {

void Start(Executor ex, Peer& peer) {
  boost::asio::co_spawn(ex, Send(peer), boost::asio::detached);  // BAD
  co_spawn(ex, Send(peer), detached);                            // BAD
  using boost::asio::co_spawn;
  co_spawn(ex,
           Send(peer),
           asio::detached);                                      // BAD
}

}  // namespace vlog::async
