// The cores of the sequencer loglet, explored: many thousand random schedules of a small world.
#include "unit/sequencer_model.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>

#include "base/crc32c.h"

namespace vlog::loglets::sequencer {

ModelWorld::ModelWorld(uint64_t seed, ModelCounts& counts)
    : random_(seed * 0x9e3779b97f4a7c15), counts_(counts), trims_([&] {
        size_t n = Below(4) == 0 ? 5 : 3;
        auto write_quorum = static_cast<uint32_t>(n / 2 + 1);
        if (Below(4) == 0) write_quorum = static_cast<uint32_t>(1 + Below(n));
        std::vector<Replica> replicas;
        for (size_t i = 0; i < n; ++i) replicas.push_back({NodeId(i + 1), DiskId(100 + i)});
        params_ = *MakeParams(replicas, write_quorum, {NodeId(1), Incarnation(7), DiskId(1)});
        return params_;
      }()) {
  id_ = {"log", SegmentIndex(3), ProposalId(9)};
  now_ = Instant() + std::chrono::seconds(1);
  loss_ = Chance(0.5) ? 0 : 0.15;
  crash_ = Chance(0.5) ? 0 : 1;
  seal_ = Chance(0.3) ? 3 : 1;
  for (const Replica& replica : params_.replicas) {
    servers_.emplace_back();
    servers_.back().disk = replica.disk;
    servers_.back().core = std::make_unique<LogServerCore>(replica.disk, LogServerState());
  }
  Process first{SequencerLives(params_.sequencer), nullptr, {}};
  SequencerOptions options;
  options.flow.window = 1 + Below(3);
  options.flow.request_bytes = 1 + Below(40);
  options.max_kept_bytes = Below(2) * 60;
  options.commit_bound = std::chrono::milliseconds(100 + Below(400));
  options.drain_bound = std::chrono::milliseconds(50 + Below(200));
  VLOG_CHECK(first.lives.Claim(id_, params_).ok(), "the first life is made");
  first.core = std::make_unique<SequencerCore>(params_, options);
  first.links.resize(servers_.size());
  processes_.push_back(std::move(first));
  for (size_t i = 0; i < 2; ++i) {
    writers_.emplace_back();
    writers_.back().id = WriterId(50 + i);
  }
  readers_.resize(2);
}

// ---- servers ----

template <typename Request>
void ModelWorld::AtServer(size_t number, Request request, WordDone done) {
  Server& server = servers_[number];
  if (!server.up) return;
  if (server.dead.Contains(id_)) {
    ServerWord gone;
    gone.code = ServerCode::kGone;
    return done(gone);
  }
  ReplyTo to = next_reply_++;
  server.replies[to] = std::move(done);
  if constexpr (std::is_same_v<Request, StoreRequest>) {
    server.core->Step(std::move(request), to, now_);
  } else {
    server.core->Step(std::move(request), to);
  }
  FlushServer(number);
}

void ModelWorld::FlushServer(size_t number) {
  Server& server = servers_[number];
  LogServerCore::Output output = server.core->TakeOutput();
  for (LogServerCore::Persist& persist : output.persist) {
    counts_.skips += persist.entry.type == kSkipEntry;
    counts_.repairs += persist.entry.type == kRepairEntry;
    server.unsynced.push_back(std::move(persist));
  }
  for (const LogServerCore::Reply& reply : output.send) {
    auto it = server.replies.find(reply.to);
    if (it == server.replies.end()) return Violate("a request was answered twice");
    WordDone done = std::move(it->second);
    server.replies.erase(it);
    done(reply.word);
  }
  server.core->CheckInvariants();
}

void ModelWorld::Sync(size_t number, size_t most) {
  Server& server = servers_[number];
  if (!server.up || server.unsynced.empty()) return;
  size_t count = 1 + Below(std::min(most, server.unsynced.size()));
  for (size_t i = 0; i < count && !server.unsynced.empty(); ++i) {
    LogServerCore::Persist done = std::move(server.unsynced.front());
    server.unsynced.pop_front();
    server.synced.push_back(done.entry);
    server.core->Persisted(done.ticket);
    FlushServer(number);
  }
}

void ModelWorld::CrashServer(size_t number) {
  Server& server = servers_[number];
  if (!server.up) return;
  ++counts_.crashes;
  server.up = false;
  ++server.life;
  server.replies.clear();
  // What was on its way may have reached the disk although nobody heard of it.
  size_t kept = Below(server.unsynced.size() + 1);
  for (size_t i = 0; i < kept; ++i) server.synced.push_back(server.unsynced[i].entry);
  server.unsynced.clear();
  BreakLink(number);
}

void ModelWorld::RestartServer(size_t number) {
  Server& server = servers_[number];
  if (server.up || server.for_good) return;
  LogServerState state;
  for (const storage::Entry& entry : server.synced) {
    if (Chance(0.02)) {  // through a checkpoint
      LogServerState decoded;
      if (!decoded.Decode(state.Encode()).ok()) Violate("a state does not decode");
      state = decoded;
    }
    state.Apply(entry);
  }
  server.core = std::make_unique<LogServerCore>(server.disk, state);
  server.up = true;
}

void ModelWorld::FillDisk(size_t number) {
  Server& server = servers_[number];
  if (!server.up) return;
  ++counts_.refusals;
  std::deque<LogServerCore::Persist> all = std::move(server.unsynced);
  server.unsynced.clear();
  std::vector<Ticket> refused;
  for (LogServerCore::Persist& persist : all) {
    if (persist.control) {
      server.unsynced.push_back(std::move(persist));
    } else {
      refused.push_back(persist.ticket);
    }
  }
  for (Ticket ticket : refused) {
    server.core->Refused(ticket);
    FlushServer(number);
  }
}

ReadReply ModelWorld::ReadAt(size_t number, const ReadRequest& request) {
  Server& server = servers_[number];
  if (server.dead.Contains(id_)) return {ReadCode::kGone, {}, Offset(), {}};
  ReadReply reply = server.core->Plan(request);
  if (reply.code != ReadCode::kBatches) return reply;
  // The shell's half: from the journal.
  Offset at = request.from;
  for (const storage::Entry& entry : server.synced) {
    bool batch = entry.type == kStoreEntry || entry.type == kRepairEntry;
    if (!batch || Offset(entry.first + entry.count) <= at || at >= reply.next) continue;
    if (Offset(entry.first) > at) break;
    reply.batches.push_back(*LogServerState::ToBatch(entry));
    at = reply.batches.back().end();
    if (Chance(0.3)) break;
  }
  if (reply.batches.empty()) Violate("a server does not have what it says it has");
  return reply;
}

// ---- the sequencer ----

void ModelWorld::BreakLink(size_t server) {
  for (Process& process : processes_) {
    if (!process.core || !process.links[server].up) continue;
    Link& link = process.links[server];
    link = Link{false, link.epoch + 1, {}, {}};
    process.core->Disconnected(server, now_);
    FlushSequencer(process);
  }
}

void ModelWorld::ConnectLink(size_t server) {
  for (Process& process : processes_) {
    if (!process.core || process.links[server].up || !servers_[server].up) continue;
    process.links[server].up = true;
    process.core->Connected(server, now_);
    FlushSequencer(process);
  }
}

void ModelWorld::FlushSequencer(Process& process) {
  SequencerCore::Output output = process.core->TakeOutput();
  assigned_ = std::max(assigned_, process.core->assigned());
  Process* from = &process;
  for (SequencerCore::Store& store : output.stores) {
    Link& link = process.links[store.server];
    if (!link.up) continue;
    auto call = [this, from, server = store.server, id = store.id, epoch = link.epoch,
                 request = std::move(store.request)] {
      AtServer(server, request, [this, from, server, id, epoch](const ServerWord& word) {
        if (from->links.empty() || from->links[server].epoch != epoch) return;
        from->links[server].to_sequencer.push_back([this, from, server, id, word] {
          from->core->OnStoreReply(server, id, word, now_);
          FlushSequencer(*from);
        });
      });
    };
    link.to_server.push_back(std::move(call));
  }
  for (SequencerCore::Seal& seal : output.seals) {
    Link& link = process.links[seal.server];
    if (!link.up) continue;
    auto call = [this, from, server = seal.server, epoch = link.epoch, request = seal.request] {
      AtServer(server, request, [this, from, server, epoch](const ServerWord& word) {
        if (from->links.empty() || from->links[server].epoch != epoch) return;
        from->links[server].to_sequencer.push_back([this, from, server, word] {
          from->core->OnSealReply(server, word, now_);
          FlushSequencer(*from);
        });
      });
    };
    link.to_server.push_back(std::move(call));
  }
  for (const SequencerCore::Appended& appended : output.appended) OnAppended(appended);
  for (const SequencerCore::HandedOver& done : output.handed_over) {
    size_t sealer = done.token;
    counts_.hand_overs += done.result.ok();
    Post([this, sealer, result = done.result] {
      sealers_[sealer].core->OnHandOver(result, now_);
      FlushSealer(sealer);
    });
  }
  process.core->CheckInvariants();
}

void ModelWorld::CrashSequencer() {
  Process& process = processes_.back();
  if (!process.core || processes_.size() > 1) return;
  if (Chance(0.5)) {
    // Gone for good, all its connections with it. Else it goes on as a zombie beside the new one.
    process.core.reset();
    process.links.clear();
  }
  // The node is back with its next incarnation, and somebody asks it for this loglet.
  Process next{SequencerLives({NodeId(1), Incarnation(8), DiskId(1)}), nullptr, {}};
  if (next.lives.Claim(id_, params_).ok()) {
    next.core = std::make_unique<SequencerCore>(params_, SequencerOptions());
    next.links.resize(servers_.size());
  }
  processes_.push_back(std::move(next));
}

Batch ModelWorld::MakeBatch(Writer& writer) {
  BatchBuilder builder(writer.id, writer.next);
  uint64_t count = 1 + Below(3);
  for (uint64_t i = 0; i < count; ++i) builder.Add("r");
  Batch batch = std::move(builder).Finish();
  batch.header.first_in_loglet = !writer.last.has_value();
  batch.header.prev = writer.last.value_or(SeqNo());
  writer.next += count;
  writer.last = batch.header.last();
  return batch;
}

void ModelWorld::Submit(Batch batch) {
  size_t writer = batch.header.writer.value() - 50;
  std::vector<Process*> alive;
  for (Process& process : processes_) {
    if (process.core) alive.push_back(&process);
  }
  if (alive.empty()) return;
  Process& process = *alive[Below(alive.size())];
  AppendToken token = next_token_++;
  tokens_[token] = {writer, batch.header.first};
  process.core->Append(std::move(batch), token, now_);
  FlushSequencer(process);
}

void ModelWorld::AppendOne() {
  Writer& writer = writers_[Below(writers_.size())];
  if (writer.stopped || writer.open.size() >= 4) return;
  Batch batch = MakeBatch(writer);
  writer.open[batch.header.first] = batch;
  Submit(batch);
}

void ModelWorld::Retry() {
  Writer& writer = writers_[Below(writers_.size())];
  if (!writer.open.empty()) Submit(writer.open.begin()->second);
}

void ModelWorld::OnAppended(const SequencerCore::Appended& appended) {
  auto it = tokens_.find(appended.token);
  if (it == tokens_.end()) return Violate("an append was answered twice");
  auto [number, first] = it->second;
  tokens_.erase(it);
  Writer& writer = writers_[number];
  auto open = writer.open.find(first);
  uint32_t count = open == writer.open.end() ? 0 : open->second.header.count;
  if (appended.result.ok()) {
    Offset at = *appended.result;
    for (uint32_t i = 0; i < count; ++i)
      Claim(at + i, {writer.id, first + i}, "an acknowledgement");
    ++counts_.acked;
    acked_ = std::max(acked_, at + count);
    if (end_ && at + count > *end_) Violate("acknowledged above the end that the chain fixed");
    if (count > 0 && not_stored_.contains({writer.id, first})) {
      Violate("acknowledged although it was said not to be stored");
    }
    if (open != writer.open.end()) writer.open.erase(open);
    return;
  }
  if (absl::IsFailedPrecondition(appended.result.status())) {
    ++counts_.not_stored;
    not_stored_[{writer.id, first}] = count;
  } else {
    counts_.unknown += absl::IsUnknown(appended.result.status());
  }
  writer.stopped = true;  // the end of this loglet, for this writer
}

void ModelWorld::Claim(Offset at, const RecordId& id, const char* who) {
  auto [value, fresh_value] = values_.emplace(at, id);
  auto [place, fresh_place] = places_.emplace(id, at);
  if (value->second != id) Violate(std::string("two values at one offset: ") + who);
  if (place->second != at) Violate(std::string("one record at two offsets: ") + who);
}

// ---- clients ----

void ModelWorld::StartSealer(bool ask_sequencer) {
  if (sealers_.size() >= 4) return;
  SealOptions options;
  options.hedge = std::chrono::milliseconds(Below(60));
  options.repair.chunk_bytes = 1 + Below(20);
  options.repair.gather = std::chrono::milliseconds(20 + Below(200));
  options.attempts = 1000;
  options.give_up = std::chrono::hours(1);
  Sealer sealer;
  sealer.core = std::make_unique<SealCore>(params_, options, "p" + std::to_string(sealers_.size()),
                                           ask_sequencer, now_);
  sealers_.push_back(std::move(sealer));
  ++counts_.seals;
  FlushSealer(sealers_.size() - 1);
}

void ModelWorld::FlushSealer(size_t number) {
  SealCore& core = *sealers_[number].core;
  SealCore::Output output = core.TakeOutput();
  if (output.hand_over) {
    Post([this, number] {
      Process& process = processes_.front();
      if (!process.core) return;
      process.core->HandOverTo(sealers_[number].core->proposal(), number, now_);
      FlushSequencer(process);
    });
  }
  for (SealCore::Seal& seal : output.seals) {
    Post([this, number, seal] {
      AtServer(seal.server, seal.request, [this, number, seal](const ServerWord& word) {
        std::vector<PlacedBatch> held;
        bool more = word.code == ServerCode::kOk && word.durable_tail > word.known_tail;
        if (more && Chance(0.5)) {
          ReadRequest read{servers_[seal.server].disk, word.known_tail, word.durable_tail, 9};
          held = ReadAt(seal.server, read).batches;
        }
        Post([this, number, seal, word, held] {
          sealers_[number].core->OnSealReply(seal.server, seal.attempt, word, held, now_);
          FlushSealer(number);
        });
      });
    });
  }
  for (RepairCore::Read& read : output.reads) {
    Post([this, number, read, attempt = output.attempt] {
      if (!servers_[read.server].up) return;
      ReadReply reply = ReadAt(read.server, read.request);
      Post([this, number, attempt, id = read.id, reply] {
        sealers_[number].core->OnRead(attempt, id, reply, now_);
        FlushSealer(number);
      });
    });
  }
  for (RepairCore::Write& write : output.writes) {
    Post([this, number, write, attempt = output.attempt] {
      AtServer(write.server, write.request, [this, number, write, attempt](const ServerWord& word) {
        Post([this, number, attempt, id = write.id, word] {
          sealers_[number].core->OnWritten(attempt, id, word, now_);
          FlushSealer(number);
        });
      });
    });
  }
}

void ModelWorld::CompareAndSet(Sealer& sealer) {
  const auto& result = sealer.core->result();
  if (sealer.cas_done || !result || !result->ok()) return;
  sealer.cas_done = true;
  Offset tail = (*result)->tail;
  if (tail < acked_) Violate("a sealed tail below what was acknowledged");
  if (tail < proven_) Violate("a sealed tail below what was told as committed");
  if (tail > assigned_) Violate("a sealed tail above what was assigned");
  if (end_) return;
  end_ = tail;
  ++counts_.fixed;
  if (shown_ > tail) Violate("a reader was shown a record that the chain excludes");
}

void ModelWorld::StartCheck() {
  size_t running = 0;
  for (const Check& check : checks_) running += !check.core->result().has_value();
  if (running >= 2) return;
  Check check;
  check.at_least = std::max({acked_, proven_, shown_});
  check.after_end = end_.has_value();
  check.core = std::make_unique<TailCheckCore>(params_, TailCheckOptions(), now_);
  checks_.push_back(std::move(check));
  FlushCheck(checks_.size() - 1);
}

void ModelWorld::FlushCheck(size_t number) {
  for (const TailCheckCore::Ask& ask : checks_[number].core->TakeOutput()) {
    Post([this, number, ask] {
      AtServer(ask.server, ask.request, [this, number, ask](const ServerWord& word) {
        Post([this, number, ask, word] {
          checks_[number].core->OnWord(ask.server, word, now_);
          FlushCheck(number);
        });
      });
    });
  }
  Check& check = checks_[number];
  if (check.judged || !check.core->result()) return;
  check.judged = true;
  const StatusOr<TailCheckCore::Answer>& answer = *check.core->result();
  if (!answer.ok() || answer->sealed) return;
  ++counts_.tails;
  if (answer->tail < check.at_least) Violate("a tail check below what was known before it began");
  if (answer->tail > assigned_) Violate("a tail check above what was assigned");
  if (check.after_end) Violate("a tail check that began after the end called the loglet open");
  if (end_ && answer->tail > *end_) Violate("a tail check above the end");
  proven_ = std::max(proven_, answer->tail);
}

void ModelWorld::Show(Offset at, const RecordId& id) {
  Claim(at, id, "a reader");
  ++counts_.shown;
  shown_ = std::max(shown_, at + 1);
  if (end_ && at >= *end_) Violate("a reader was shown a record above the end");
}

void ModelWorld::StartRead() {
  size_t number = Below(readers_.size());
  size_t hinted = Below(servers_.size());
  Post([this, number, hinted] {
    TailRequest request{servers_[hinted].disk, static_cast<WaitFor>(2 * Below(2)), Offset()};
    AtServer(hinted, request, [this, number](const ServerWord& word) {
      if (word.code != ServerCode::kOk) return;
      Reader& reader = readers_[number];
      Offset known = word.known_tail;
      reader.known = std::max(reader.known, end_ ? std::min(known, *end_) : known);
      if (!end_ && known > assigned_) Violate("a known tail above what was assigned");
    });
  });
  size_t source = Below(servers_.size());
  Post([this, number, source] {
    Reader& reader = readers_[number];
    if (!servers_[source].up || reader.at >= reader.known) return;
    ReadRequest request{servers_[source].disk, reader.at, reader.known, 100};
    ReadReply reply = ReadAt(source, request);
    if (reply.code == ReadCode::kTrimmed) reader.at = std::max(reader.at, reply.word.trim);
    for (const PlacedBatch& placed : reply.batches) {
      const BatchHeader& header = placed.batch.header;
      for (uint32_t i = 0; i < header.count; ++i) {
        Offset at = placed.first + i;
        if (at < reader.at || at >= reader.known) continue;
        Show(at, {header.writer, header.first + i});
        reader.at = at + 1;
      }
    }
  });
}

void ModelWorld::StartTrim() {
  Offset known = end_.value_or(proven_);
  if (known == Offset()) return;
  Offset to(Below(known.value() + 1));
  trim_ = std::max(trim_, to);
  ++counts_.trims;
  for (size_t server = 0; server < servers_.size(); ++server) {
    Post([this, server, request = trims_.RequestFor(server, to, known)] {
      AtServer(server, request, [this, server](const ServerWord& word) {
        if (word.trim > trim_) Violate("a server trimmed more than was asked for");
        trims_.OnWord(server, word);
      });
    });
  }
}

void ModelWorld::TellChain() {
  if (!end_) return;
  size_t server = Below(servers_.size());
  SealRequest request{servers_[server].disk, "late", *end_};
  Post([this, server, request] { AtServer(server, request, [](const ServerWord&) {}); });
}

void ModelWorld::DropSomewhere() {
  if (!end_) return;
  if (!dropped_ && !Chance(0.3)) return;
  dropped_ = true;
  Server& server = servers_[Below(servers_.size())];
  if (!server.up || server.dead.Contains(id_)) return;
  ++counts_.drops;
  server.dead.Add(id_.log, SegmentIndex(0), SegmentIndex(id_.segment.value() + 1));
  server.core->MarkGone();
  for (const LogServerCore::Reply& reply : server.core->TakeOutput().send) {
    auto it = server.replies.find(reply.to);
    WordDone done = std::move(it->second);
    server.replies.erase(it);
    done(reply.word);
  }
  server.synced.clear();
  server.unsynced.clear();
  server.core = std::make_unique<LogServerCore>(server.disk, LogServerState());
}

// ---- the schedule ----

void ModelWorld::DeliverBag() {
  if (bag_.empty()) return;
  size_t index = Below(bag_.size());
  if (faults_ && Chance(loss_ / 3)) {
    Call again = bag_[index];
    return again();
  }
  std::swap(bag_[index], bag_.back());
  Call call = std::move(bag_.back());
  bag_.pop_back();
  if (faults_ && Chance(loss_)) return;
  call();
}

void ModelWorld::DeliverLink() {
  for (Process& process : processes_) {
    if (!process.core) continue;
    Link& link = process.links[Below(process.links.size())];
    std::deque<Call>& queue = Chance(0.5) ? link.to_server : link.to_sequencer;
    if (queue.empty()) continue;
    Call call = std::move(queue.front());
    queue.pop_front();
    call();
  }
}

void ModelWorld::TickAll() {
  now_ = now_ + std::chrono::milliseconds(Below(30));
  for (Process& process : processes_) {
    if (!process.core || Chance(0.3)) continue;
    process.core->Tick(now_);
    bool stopped = process.core->state() == SequencerCore::State::kStopped;
    if (stopped && Chance(0.2)) process.core->Release();
    FlushSequencer(process);
  }
  for (size_t i = 0; i < sealers_.size(); ++i) {
    sealers_[i].core->Tick(now_);
    FlushSealer(i);
  }
  for (size_t i = 0; i < checks_.size(); ++i) {
    if (checks_[i].judged) continue;
    checks_[i].core->Tick(now_);
    FlushCheck(i);
  }
}

void ModelWorld::Step() {
  ++counts_.steps;
  now_ = now_ + std::chrono::microseconds(Below(500));
  size_t server = Below(servers_.size());
  uint64_t what = Below(1000);
  auto is = [&what](uint64_t weight) {
    bool chosen = what < weight;
    what -= chosen ? 0 : weight;
    return chosen;
  };
  auto often = [](double weight) { return static_cast<uint64_t>(weight); };
  if (is(300)) return DeliverBag();
  if (is(300)) return DeliverLink();
  if (is(140)) return Sync(server, 3);
  if (is(50)) return AppendOne();
  if (is(25)) return StartRead();
  if (is(10)) return Retry();
  if (is(20)) return StartCheck();
  if (is(35)) return TickAll();
  if (is(30)) return ConnectLink(server);
  if (is(often(6 * crash_))) return CrashServer(server);
  if (is(often(25 * crash_))) return RestartServer(server);
  if (is(often(8 * crash_))) return BreakLink(server);
  if (is(often(3 * crash_))) return CrashSequencer();
  if (is(often(3 * crash_))) return FillDisk(server);
  if (is(often(4 * seal_))) return StartSealer(Chance(0.6));
  if (is(4)) return StartTrim();
  if (is(4)) return TellChain();
  if (is(3)) return DropSomewhere();
  if (!sealers_.empty()) CompareAndSet(sealers_[Below(sealers_.size())]);
}

void ModelWorld::Heal() {
  faults_ = false;
  crash_ = 0;
  size_t spare = servers_.size() - std::max<size_t>(params_.write_quorum, params_.seal_quorum());
  for (size_t i = 0; i < servers_.size(); ++i) {
    if (!servers_[i].up && spare > 0 && Chance(0.5)) {
      servers_[i].for_good = true;
      --spare;
    }
    RestartServer(i);
  }
  sealers_.reserve(8);
  size_t last = sealers_.size();
  SealOptions options;
  options.attempts = 1000;
  options.give_up = std::chrono::hours(1);
  sealers_.emplace_back();
  sealers_.back().core = std::make_unique<SealCore>(params_, options, "last", true, now_);
  FlushSealer(last);
  for (int i = 0; i < 4000 && violation_.empty(); ++i) {
    if (sealers_[last].core->result() && bag_.empty()) break;
    for (size_t server = 0; server < servers_.size(); ++server) Sync(server, 3);
    DeliverBag();
    DeliverLink();
    if (i % 5 == 4) TickAll();
  }
  if (!sealers_[last].core->result()) return Violate("the last seal did not end");
  const StatusOr<SealResult>& result = *sealers_[last].core->result();
  if (!result.ok() && !dropped_)
    return Violate("the last seal failed: " + Message(result.status()));
  CompareAndSet(sealers_[last]);
}

void ModelWorld::ReadAll() {
  if (dropped_ || !end_) return;
  std::map<Offset, RecordId> found;
  for (size_t server = 0; server < servers_.size(); ++server) {
    if (!servers_[server].up) continue;
    Offset at = trim_;
    while (at < *end_ && violation_.empty()) {
      ReadReply reply = ReadAt(server, {servers_[server].disk, at, *end_, 1000});
      if (reply.code == ReadCode::kLacks) {
        at = reply.next;
        continue;
      }
      if (reply.code != ReadCode::kBatches) return Violate("not trimmed, and yet said so");
      for (const PlacedBatch& placed : reply.batches) {
        const BatchHeader& header = placed.batch.header;
        for (uint32_t i = 0; i < header.count; ++i) {
          RecordId id{header.writer, header.first + i};
          auto [it, fresh] = found.emplace(placed.first + i, id);
          if (it->second != id) Violate("two servers hold different values at one offset");
        }
        at = placed.end();
      }
    }
  }
  for (Offset at = trim_; at < *end_; at += 1) {
    if (!found.contains(at)) return Violate("a record below the end is on no live server");
    Claim(at, found.at(at), "the final read");
    auto refused = not_stored_.find(found.at(at));
    if (refused != not_stored_.end()) Violate("a record that was said not to be stored is there");
  }
}

std::string ModelWorld::Run() {
  for (size_t server = 0; server < servers_.size(); ++server) {
    if (Chance(0.9)) ConnectLink(server);
  }
  uint64_t steps = 60 + Below(300);
  for (uint64_t i = 0; i < steps && violation_.empty(); ++i) Step();
  if (violation_.empty()) Heal();
  if (violation_.empty()) ReadAll();
  return violation_;
}

namespace {

TEST_CASE("Sequencer model: no schedule loses, doubles or shows what is not committed") {
  ModelCounts counts;
  constexpr uint64_t kSeeds = 20'000;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ModelWorld world(seed, counts);
    std::string violation = world.Run();
    INFO(violation);
    REQUIRE(violation.empty());
  }
  std::printf(
      "sequencer model: %d schedules, %d steps: acked %d, unknown %d, not stored %d, tails %d, "
      "shown %d, seals %d, hand-overs %d, repairs %d, skips %d, crashes %d, full %d, fixed %d, "
      "drops %d, trims %d\n",
      static_cast<int>(kSeeds), static_cast<int>(counts.steps), static_cast<int>(counts.acked),
      static_cast<int>(counts.unknown), static_cast<int>(counts.not_stored),
      static_cast<int>(counts.tails), static_cast<int>(counts.shown),
      static_cast<int>(counts.seals), static_cast<int>(counts.hand_overs),
      static_cast<int>(counts.repairs), static_cast<int>(counts.skips),
      static_cast<int>(counts.crashes), static_cast<int>(counts.refusals),
      static_cast<int>(counts.fixed), static_cast<int>(counts.drops),
      static_cast<int>(counts.trims));
  // A vacuous pass is a failure.
  CHECK(counts.acked > kSeeds);
  CHECK(counts.unknown > kSeeds / 20);
  CHECK(counts.not_stored > kSeeds / 20);
  CHECK(counts.tails > kSeeds / 5);
  CHECK(counts.shown > kSeeds / 2);
  CHECK(counts.hand_overs > kSeeds / 20);
  CHECK(counts.repairs > kSeeds / 20);
  CHECK(counts.skips > kSeeds / 50);
  CHECK(counts.crashes > kSeeds / 5);
  CHECK(counts.refusals > kSeeds / 20);
  CHECK(counts.fixed > kSeeds / 2);
  CHECK(counts.drops > kSeeds / 200);
  CHECK(counts.trims > kSeeds / 50);
}

}  // namespace
}  // namespace vlog::loglets::sequencer
