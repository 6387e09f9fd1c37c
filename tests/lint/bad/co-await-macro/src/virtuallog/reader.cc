namespace vlog::virtuallog {

#define AWAIT_OR_RETURN(expression)           \
  ({                                          \
    auto result = co_await (expression); /* BAD */ \
    result.value();                           \
  })

Task<Status> Read(Peer& peer) {
  ASSIGN_OR_RETURN(auto a, co_await peer.F());       // BAD
  RETURN_IF_ERROR(co_await peer.F());                // BAD
  CHECK(Use(co_await peer.F()));                     // BAD
  VLOG_CHECK(  // BAD
      (co_await peer.F()).ok()) << "no";
  auto b = ({ auto r = co_await peer.F(); r; });     // BAD
  co_return Status();
}

}  // namespace vlog::virtuallog
