// The metrics page of a node.
#include "server/config_values.h"
#include "server/metrics.h"
#include "server/node_figures.h"
#include "server/node_pages.h"

namespace vlog::server {

std::vector<RpcFigure> RpcCounters(const rpc::ServerStats& stats) {
  return {
      {"accepted", "vlog_rpc_accepted_total", "Connections that were accepted.", stats.accepted},
      {"refused_handshakes", "vlog_rpc_refused_handshakes_total",
       "Connections refused for their cluster, version or node, or as an old copy of a disk.",
       stats.refused_handshakes},
      {"refused_connections", "vlog_rpc_refused_connections_total",
       "Connections refused because limits.connections were open.", stats.refused_connections},
      {"malformed", "vlog_rpc_malformed_total", "Connections closed for malformed frames.",
       stats.malformed},
      {"silent", "vlog_rpc_silent_total", "Connections closed for keeping silent.", stats.silent},
      {"requests", "vlog_rpc_requests_total", "Requests received.", stats.requests},
      {"replies", "vlog_rpc_replies_total", "Replies sent.", stats.replies},
      {"errors", "vlog_rpc_errors_total", "Replies that carried an error.", stats.errors},
      {"unknown_methods", "vlog_rpc_unknown_methods_total",
       "Requests for methods that this node does not serve.", stats.unknown_methods},
      {"paused_reads", "vlog_rpc_paused_reads_total",
       "Times that a limit made the node stop reading from a connection.", stats.paused_reads},
      {"accept_failures", "vlog_rpc_accept_failures_total",
       "Times that no file descriptor was left for a connection.", stats.accept_failures},
  };
}

namespace {

// Each page is made of a snapshot: the registry lives as long as the page is being made.
class Page {
 public:
  void Count(const char* name, const char* help, uint64_t value, Labels labels = {}) {
    registry_.AddCounter(name, help, std::move(labels)).Add(value);
  }
  void Measure(const char* name, const char* help, double value, Labels labels = {}) {
    registry_.AddGauge(name, help, std::move(labels)).Set(value);
  }
  void Measure(const char* name, const char* help, uint64_t value, Labels labels = {}) {
    Measure(name, help, static_cast<double>(value), std::move(labels));
  }
  std::string Text() const { return registry_.Text(); }

 private:
  MetricsRegistry registry_;
};

void AddNode(const NodeStatus& status, Page* page) {
  const NodeIdentity& identity = status.identity;
  page->Measure("vlog_node_info", "One, with who this node is.", uint64_t{1},
                {{"cluster", HexIdText(identity.cluster.value())},
                 {"node", std::to_string(identity.node.value())},
                 {"name", status.name},
                 {"version", status.version}});
  for (NodeState state :
       {NodeState::kJoining, NodeState::kServing, NodeState::kStopping, NodeState::kFailed}) {
    page->Measure("vlog_node_state", "One for the state that the node is in.",
                  uint64_t{state == status.state}, {{"state", ToString(state)}});
  }
  page->Measure("vlog_node_boot", "How often the node has been started.",
                identity.incarnation.value());
  page->Measure("vlog_node_uptime_seconds", "Since the node was started.",
                std::chrono::duration<double>(status.uptime).count());
  page->Measure("vlog_metastore_votes", "One if the node's acceptor votes.",
                uint64_t{status.votes});
}

void AddJournal(const JournalStatus& journal, Page* page) {
  page->Count("vlog_journal_groups_total", "Groups written, each synced once.",
              journal.stats.groups);
  page->Count("vlog_journal_entries_total", "Entries written.", journal.stats.entries);
  page->Count("vlog_journal_bytes_total", "Bytes written.", journal.stats.bytes);
  page->Measure("vlog_journal_segments", "Files of the journal.", journal.segments);
  page->Measure("vlog_journal_damaged", "Stretches that were found damaged at the start.",
                journal.damaged);
  page->Measure("vlog_journal_stopped", "One if the journal has stopped for good.",
                uint64_t{!journal.problem.empty()});
}

void AddRpc(const rpc::ServerStats& stats, Page* page) {
  for (const RpcFigure& figure : RpcCounters(stats)) {
    page->Count(figure.metric, figure.help, figure.value);
  }
  page->Measure("vlog_rpc_connections", "Connections that are open.", uint64_t{stats.connections});
  page->Measure("vlog_rpc_bytes", "Bytes of requests and replies that the node works on.",
                uint64_t{stats.bytes});
}

void AddPeers(const std::vector<PeerStatus>& peers, Page* page) {
  for (const PeerStatus& peer : peers) {
    Labels labels{{"peer", std::to_string(peer.node.value())}};
    page->Measure("vlog_peer_boot", "The boot number that the peer told last; 0: none.",
                  peer.incarnation.value(), labels);
    page->Measure("vlog_peer_failed", "One if the last connection to the peer failed.",
                  uint64_t{!peer.failure.empty()}, labels);
    if (!peer.silence) continue;
    page->Measure("vlog_peer_silent_seconds", "Since the peer was last heard.",
                  std::chrono::duration<double>(*peer.silence).count(), labels);
  }
}

void AddLoglets(const NodeStatus& status, Page* page) {
  page->Measure("vlog_loglets", "Loglets on this node; those beyond 1000 have no lines here.",
                status.loglet_count);
  for (const LogletStatus& each : status.loglets) {
    const loglets::HostedLoglet& loglet = each.loglet;
    Labels labels{{"kind", each.kind},
                  {"role", loglet.role},
                  {"log", loglet.id.log},
                  {"segment", std::to_string(loglet.id.segment.value())},
                  {"proposal", HexIdText(loglet.id.proposal.value())}};
    page->Measure("vlog_loglet_trim", "First offset that is not trimmed.", loglet.trim.value(),
                  labels);
    page->Measure("vlog_loglet_tail", "First offset that is not durable here.", loglet.tail.value(),
                  labels);
    page->Measure("vlog_loglet_known_tail", "First offset not known here to be committed.",
                  loglet.known_tail.value(), labels);
    page->Measure("vlog_loglet_sealed", "One if it is sealed here.", uint64_t{loglet.sealed},
                  labels);
  }
}

void AddProcess(const ProcessStats& process, Page* page) {
  page->Measure("process_resident_memory_bytes", "Memory in use.", process.resident_bytes);
  page->Measure("process_virtual_memory_bytes", "Address space in use.", process.virtual_bytes);
  page->Measure("process_open_fds", "Open file descriptors.", process.open_files);
  page->Measure("process_threads", "Threads.", process.threads);
}

}  // namespace

std::string MetricsText(const NodeStatus& status, const ProcessStats& process) {
  Page page;
  AddNode(status, &page);
  AddJournal(status.journal, &page);
  AddRpc(status.rpc, &page);
  AddPeers(status.peers, &page);
  AddLoglets(status, &page);
  AddProcess(process, &page);
  return page.Text();
}

}  // namespace vlog::server
