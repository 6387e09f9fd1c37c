void Start(Executor ex, Peer& peer) {
  co_spawn(ex, Send(peer), Rethrow());  // BAD
}
