// How a client finds a log's register, and what changes where registers are: the directory and the
// acceptor sets.
#include <algorithm>

#include "consensus/quorum.h"
#include "metastore/paxos/paxos_metastore.h"

namespace vlog::metastore {

// Learns the cluster's id, the directory's first acceptors, and the newest directory that the nodes
// which answer know. Any of them will do: a stale one costs a jump.
Task<Status> PaxosMetastore::Join(Instant deadline) {
  std::vector<Replica> seeds;
  for (NodeId node : options_.seeds) seeds.push_back({node, DiskId()});
  // A node on a fresh disk knows only who voted first, and perhaps none of those disks is left: so
  // the newest word of several counts. Whoever is here again could not use what he was told: ask
  // all.
  size_t enough = first_acceptors_.empty() ? consensus::Majority(seeds.size()) : seeds.size();
  for (;;) {
    Duration wait = std::min(options_.timing.call_timeout, deadline - env_.scheduler().Now());
    std::vector<NodeInfo> infos = co_await AskNodes(context_, seeds, enough, wait);
    if (context_->closed) co_return absl::CancelledError("the metastore is closed");
    Status refused;
    for (const NodeInfo& info : infos) {
      Status taken = TakeInfo(info);
      if (!taken.ok()) refused = taken;
    }
    if (!first_acceptors_.empty() && known_.contains(kDirectoryLog)) co_return absl::OkStatus();
    VLOG_CO_RETURN_IF_ERROR(refused);
    Status slept = co_await env_.scheduler().Sleep(options_.timing.retry);
    VLOG_CO_RETURN_IF_ERROR(slept);
    if (env_.scheduler().Now() >= deadline) {
      co_return absl::UnavailableError("no node of the cluster answers");
    }
  }
}

Status PaxosMetastore::TakeInfo(const NodeInfo& info) {
  if (context_->cluster == ClusterId()) context_->cluster = info.record.cluster;
  if (context_->cluster != info.record.cluster) {
    return absl::InvalidArgumentError(
        absl::StrCat("node ", info.record.self.node.value(), " belongs to cluster ",
                     info.record.cluster.value(), ", not ", context_->cluster.value()));
  }
  first_acceptors_ = info.record.acceptors;
  Chosen directory = Bootstrap(first_acceptors_);
  if (info.directory_version != Version()) {
    StatusOr<RegisterValue> value = DecodeRegisterValue(info.directory.view());
    VLOG_RETURN_IF_ERROR(value);
    directory.version = info.directory_version;
    directory.value = *std::move(value);
  }
  Learn(kDirectoryLog, directory);
  return absl::OkStatus();
}

StatusOr<Directory> PaxosMetastore::Decode(const Chosen& chosen) const {
  StatusOr<Directory> directory = DecodeDirectory(chosen.value.user, first_acceptors_);
  VLOG_RETURN_IF_ERROR(directory);
  for (const auto& [node, text] : directory->addresses) {
    if (context_->peers.AddressOf(node)) continue;  // the operator's word on the spot counts more
    StatusOr<env::Address> address = env::Address::Parse(text);
    if (address.ok()) context_->peers.SetAddress(node, *address);
  }
  return directory;
}

// A decided version of the log from which its newest can be found; kNotFound: no such log.
Task<StatusOr<Chosen>> PaxosMetastore::Locate(std::string log, Instant deadline) {
  auto known = known_.find(log);
  if (known != known_.end()) co_return known->second;
  if (!known_.contains(kDirectoryLog)) {
    Status joined = co_await Join(deadline);
    VLOG_CO_RETURN_IF_ERROR(joined);
  }
  known = known_.find(kDirectoryLog);
  if (known == known_.end()) co_return absl::UnavailableError("no node of the cluster answers");
  if (log == kDirectoryLog) co_return known->second;
  StatusOr<Directory> directory = Decode(known->second);
  VLOG_CO_RETURN_IF_ERROR(directory);
  if (!directory->logs.contains(log)) {
    // What is cached may be old; only the register itself says that there is no such log.
    StatusOr<Chosen> newest = co_await ReadDirectoryRegister(deadline);
    VLOG_CO_RETURN_IF_ERROR(newest);
    directory = Decode(*newest);
    VLOG_CO_RETURN_IF_ERROR(directory);
  }
  auto anchor = directory->logs.find(log);
  if (anchor == directory->logs.end()) {
    co_return absl::NotFoundError("there is no log '" + log + "'");
  }
  co_return co_await LocateByAnchor(log, anchor->second, deadline);
}

Task<StatusOr<Chosen>> PaxosMetastore::LocateByAnchor(std::string log, Anchor anchor,
                                                      Instant deadline) {
  Chosen start = Bootstrap(anchor.acceptors);
  if (anchor.version == Version()) {
    Learn(log, start);
    co_return start;
  }
  // A majority of these knows the anchor's version, so whoever asks them about slot 1 is told it or
  // a newer one; it never looks empty.
  OperationCore core = OperationCore::Read(log, std::move(start), &context_->ballots);
  auto operation = std::make_shared<RunningOperation>(context_, std::move(core));
  co_await RunningOperation::Drive(operation, deadline);
  Chosen found = operation->core().known();
  if (found.version < anchor.version) {
    co_return absl::UnavailableError("the acceptors of '" + log + "' do not answer");
  }
  Learn(log, found);
  co_return found;
}

Task<StatusOr<Chosen>> PaxosMetastore::ReadDirectoryRegister(Instant deadline) {
  // First where it was seen last, for half of the time; then where any node says it is.
  Instant now = env_.scheduler().Now();
  Instant until = now + (deadline - now) / 2;
  for (;;) {
    StatusOr<Chosen> known = co_await Locate(kDirectoryLog, deadline);
    VLOG_CO_RETURN_IF_ERROR(known);
    StatusOr<Chosen> read = co_await ReadRegister(kDirectoryLog, *std::move(known), until);
    if (!absl::IsUnavailable(read.status())) co_return read;
    known_.erase(kDirectoryLog);
    if (until == deadline || context_->closed) co_return read;
    until = deadline;
  }
}

Task<StatusOr<Directory>> PaxosMetastore::ReadDirectory() {
  StatusOr<Chosen> read = co_await ReadDirectoryRegister(Patience());
  VLOG_CO_RETURN_IF_ERROR(read);
  co_return Decode(*read);
}

Task<StatusOr<std::vector<NodeId>>> PaxosMetastore::NodesInService() {
  StatusOr<Directory> directory = co_await ReadDirectory();
  VLOG_CO_RETURN_IF_ERROR(directory);
  std::vector<NodeId> nodes;
  for (const Replica& each : directory->default_acceptors) nodes.push_back(each.node);
  co_return nodes;
}

Task<StatusOr<std::vector<std::string>>> PaxosMetastore::List() {
  StatusOr<Directory> directory = co_await ReadDirectory();
  VLOG_CO_RETURN_IF_ERROR(directory);
  std::vector<std::string> names;
  for (const auto& [log, anchor] : directory->logs) names.push_back(log);
  co_return names;
}

Task<StatusOr<Anchor>> PaxosMetastore::ReadAcceptors(std::string log) {
  Instant deadline = Patience();
  StatusOr<Chosen> known = co_await Locate(log, deadline);
  VLOG_CO_RETURN_IF_ERROR(known);
  StatusOr<Chosen> read = co_await ReadRegister(log, *std::move(known), deadline);
  VLOG_CO_RETURN_IF_ERROR(read);
  Anchor anchor;
  anchor.version = read->version;
  anchor.acceptors = read->value.acceptors;
  co_return anchor;
}

// Changes the directory until `change` finds nothing to do. A plain loop of read and
// compare-and-set would stand in each of the three callers.
Task<Status> PaxosMetastore::ChangeDirectory(std::function<bool(Directory&)> change,
                                             Instant deadline) {
  for (;;) {
    StatusOr<Chosen> read = co_await ReadDirectoryRegister(deadline);
    VLOG_CO_RETURN_IF_ERROR(read);
    StatusOr<Directory> directory = Decode(*read);
    VLOG_CO_RETURN_IF_ERROR(directory);
    if (!change(*directory)) co_return absl::OkStatus();
    WriteProposal proposal;
    proposal.expected = read->version;
    proposal.id = ProposalId(env_.RandomId());
    proposal.user = EncodeDirectory(*directory);
    StatusOr<Version> written =
        co_await WriteRegister(kDirectoryLog, *std::move(read), std::move(proposal), deadline);
    if (!absl::IsAborted(written.status())) co_return written.status();
  }
}

Task<Status> PaxosMetastore::CreateLog(std::string log, Instant deadline) {
  auto create = [log](Directory& directory) {
    Anchor anchor;
    anchor.acceptors = directory.default_acceptors;
    return directory.logs.emplace(log, std::move(anchor)).second;
  };
  std::function<bool(Directory&)> change = create;
  Status created = co_await ChangeDirectory(std::move(change), deadline);
  // The log's own value was not proposed yet.
  if (absl::IsUnknown(created)) co_return absl::UnavailableError(Message(created));
  co_return created;
}

Task<Status> PaxosMetastore::SetDefaultAcceptors(std::vector<Replica> acceptors,
                                                 std::map<NodeId, std::string> addresses) {
  Status fine = NormalizeAcceptors(&acceptors);
  VLOG_CO_RETURN_IF_ERROR(fine);
  auto set = [acceptors, addresses](Directory& directory) {
    Directory before = directory;
    directory.default_acceptors = acceptors;
    for (const auto& [node, address] : addresses) directory.addresses[node] = address;
    return directory != before;
  };
  std::function<bool(Directory&)> change = set;
  co_return co_await ChangeDirectory(std::move(change), Patience());
}

Task<Status> PaxosMetastore::ChangeMembers(MemberChange members) {
  auto refused = std::make_shared<Status>();
  auto apply = [members, refused](Directory& directory) {
    StatusOr<Directory> next = Change(directory, members);
    *refused = next.status();
    if (!next.ok() || *next == directory) return false;
    directory = *std::move(next);
    return true;
  };
  std::function<bool(Directory&)> change = apply;
  Status changed = co_await ChangeDirectory(std::move(change), Patience());
  if (!refused->ok()) co_return *refused;
  co_return changed;
}

Task<Status> PaxosMetastore::CheckReachable(std::vector<Replica> acceptors) {
  size_t majority = consensus::Majority(acceptors.size());
  auto may_vote = [&](const NodeInfo& info) {
    return info.record.cluster == context_->cluster && !info.lost_votes;
  };
  // If some of the first who answer are of no use, the others count.
  for (size_t enough : {majority, acceptors.size()}) {
    std::vector<NodeInfo> infos =
        co_await AskNodes(context_, acceptors, enough, options_.timing.call_timeout);
    auto count = std::count_if(infos.begin(), infos.end(), may_vote);
    if (static_cast<size_t>(count) >= majority) co_return absl::OkStatus();
  }
  co_return absl::UnavailableError(
      "no majority of the new acceptors answers and has its votes still");
}

Task<StatusOr<Version>> PaxosMetastore::ChangeAcceptors(std::string log,
                                                        std::vector<Replica> acceptors,
                                                        Version expected) {
  Status fine = log == kDirectoryLog ? absl::OkStatus() : CheckCall(log);
  VLOG_CO_RETURN_IF_ERROR(fine);
  fine = NormalizeAcceptors(&acceptors);
  VLOG_CO_RETURN_IF_ERROR(fine);
  Instant deadline = Patience();
  StatusOr<Chosen> known = co_await Locate(log, deadline);
  VLOG_CO_RETURN_IF_ERROR(known);
  StatusOr<Chosen> current = co_await ReadRegister(log, *std::move(known), deadline);
  VLOG_CO_RETURN_IF_ERROR(current);
  if (current->version != expected) co_return absl::AbortedError("the version is another one");
  fine = co_await CheckReachable(acceptors);
  VLOG_CO_RETURN_IF_ERROR(fine);
  WriteProposal proposal;
  proposal.expected = expected;
  proposal.id = ProposalId(env_.RandomId());
  proposal.user = current->value.user;
  proposal.acceptors = std::move(acceptors);
  StatusOr<Version> written =
      co_await WriteRegister(log, *std::move(current), std::move(proposal), deadline);
  VLOG_CO_RETURN_IF_ERROR(written);
  // A read of the next slot makes a majority of the new acceptors learn the value that names them.
  StatusOr<Chosen> learnt = co_await ReadLog(log, deadline);
  Status moved = learnt.status();
  if (moved.ok() && log != kDirectoryLog) {
    Anchor anchor;
    anchor.version = learnt->version;
    anchor.acceptors = learnt->value.acceptors;
    moved = co_await MoveAnchor(log, std::move(anchor), deadline);
  }
  if (!moved.ok()) {
    co_return absl::UnknownError("the acceptors have changed, but not all is told: " +
                                 Message(moved));
  }
  co_return written;
}

Task<Status> PaxosMetastore::MoveAnchor(std::string log, Anchor anchor, Instant deadline) {
  auto move = [log, anchor](Directory& directory) {
    Anchor& now = directory.logs[log];
    if (now.version >= anchor.version) return false;
    now = anchor;
    return true;
  };
  std::function<bool(Directory&)> change = move;
  co_return co_await ChangeDirectory(std::move(change), deadline);
}

}  // namespace vlog::metastore
