// The clients of the model: writers that re-send what is not certain, tail checks, seals, trims.
#include <algorithm>

#include "base/crc32c.h"
#include "unit/paxos_loglet_model.h"

namespace vlog::loglets::paxos {

namespace {

constexpr size_t kMaxOpen = 5;

Batch MakeBatch(WriterId writer, SeqNo first, uint32_t count, std::optional<SeqNo> prev) {
  BatchBuilder builder(writer, first);
  for (uint32_t i = 0; i < count; ++i) builder.Add("r" + std::to_string(first.value() + i));
  Batch batch = std::move(builder).Finish();
  batch.header.first_in_loglet = !prev.has_value();
  batch.header.prev = prev.value_or(SeqNo());
  return batch;
}

}  // namespace

// Mostly one that leads, or believes so.
size_t ModelWorld::PickServer() {
  std::vector<size_t> leaders;
  std::vector<size_t> others;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].up || !group_.members[i].serves) continue;
    (nodes_[i].core->leading() ? leaders : others).push_back(i);
  }
  if (!leaders.empty() && Chance(0.9)) return leaders[Below(leaders.size())];
  if (!others.empty()) return others[Below(others.size())];
  return group_.members.size() - 1;
}

void ModelWorld::AppendOne() {
  size_t number = Below(writers_.size());
  Writer& writer = writers_[number];
  if (writer.open.size() >= kMaxOpen) return Retry(number);
  auto count = static_cast<uint32_t>(1 + Below(3));
  SeqNo first = writer.next;
  writer.open[first] = {MakeBatch(writer.id, first, count, writer.last)};
  writer.next += count + Below(2);
  writer.last = first + (count - 1);
  Submit(number, first);
}

void ModelWorld::Retry(size_t number) {
  // All that is open is sent again, in order.
  std::vector<SeqNo> open;
  for (const auto& [first, batch] : writers_[number].open) open.push_back(first);
  for (SeqNo first : open) Submit(number, first);
}

void ModelWorld::Submit(size_t number, SeqNo first) {
  size_t node = PickServer();
  Writer& writer = writers_[number];
  auto it = writer.open.find(first);
  if (!nodes_[node].up || it == writer.open.end()) return;
  replicated::Token token = next_id_++;
  ++it->second.calls;
  calls_[token] = {ClientCall::Kind::kAppend, node, nodes_[node].life, number, first, {}, 0};
  calls_[token].stored = truth_.Stored(it->second.batch.header);
  nodes_[node].core->Append(it->second.batch, token, now_);
  Flush(node);
}

void ModelWorld::StartCheck(size_t node) {
  if (!nodes_[node].up) return;
  replicated::Token token = next_id_++;
  calls_[token] = {ClientCall::Kind::kCheck, node, nodes_[node].life, 0, {}, proven_, 0};
  nodes_[node].core->CheckTail(token, now_);
  Flush(node);
}

void ModelWorld::StartSeal(size_t node) {
  if (!nodes_[node].up) return;
  replicated::Token token = next_id_++;
  calls_[token] = {ClientCall::Kind::kSeal, node, nodes_[node].life, 0, {}, proven_, 0};
  nodes_[node].core->Seal("by " + std::to_string(Below(3)), token, now_);
  Flush(node);
}

void ModelWorld::StartTrim(size_t node) {
  if (!nodes_[node].up || proven_ == Offset()) return;
  replicated::Token token = next_id_++;
  Offset to(Below(proven_.value() + 1));
  trimmed_ = std::max(trimmed_, to);
  calls_[token] = {ClientCall::Kind::kTrim, node, nodes_[node].life, 0, {}, {}, to.value()};
  nodes_[node].core->Trim(to, token, now_);
  Flush(node);
}

void ModelWorld::OnAnswer(const replicated::Answer& answer) {
  auto it = calls_.find(answer.token);
  if (it == calls_.end()) return Violate("a client was answered twice");
  ClientCall call = it->second;
  calls_.erase(it);
  const StatusOr<Offset>& result = answer.result;
  if (call.kind == ClientCall::Kind::kAppend) return OnAppendAnswer(call, result);
  if (!result.ok()) {
    ++counts_.refused_calls;
    return;
  }
  if (call.kind == ClientCall::Kind::kTrim) {
    ++counts_.trims;
    Node& node = nodes_[call.node];
    if (*result > truth_.end()) Violate("a trim passes the tail");
    if (*result < node.trim) Violate("a trim point went back");
    if (node.core->log().mapped().trim() < *result) Violate("a trim was answered and not done");
    node.trim = *result;
    return;
  }
  if (*result < call.at_least) Violate("a tail misses what was acknowledged before it was asked");
  if (*result > truth_.end()) Violate("a tail names what was never applied");
  proven_ = std::max(proven_, *result);
  if (call.kind == ClientCall::Kind::kCheck) {
    ++counts_.tails;
    return;
  }
  ++counts_.seals;
  if (sealed_at_ && *sealed_at_ != *result) Violate("two sealed tails");
  if (!truth_.sealed() || *result != truth_.end()) Violate("a sealed tail that is not the tail");
  sealed_at_ = *result;
}

void ModelWorld::OnAppendAnswer(const ClientCall& call, const StatusOr<Offset>& result) {
  Writer& writer = writers_[call.writer];
  auto it = writer.open.find(call.first);
  if (result.ok()) {
    ++counts_.acked;
    Batch batch = it != writer.open.end() ? it->second.batch : Batch();
    if (it == writer.open.end()) return;  // an earlier call told it
    if (std::string bad = truth_.Acked(batch.header, *result); !bad.empty()) {
      Violate(bad + ": writer " + std::to_string(writer.id.value()) + " record " +
              std::to_string(call.first.value()) + " at " + std::to_string(result->value()) +
              Describe());
    }
    if (sealed_at_ && *result >= *sealed_at_) Violate("a record behind SEAL is acknowledged");
    proven_ = std::max(proven_, *result + batch.header.count);
    writer.open.erase(it);
    return;
  }
  ++(absl::IsUnknown(result.status()) ? counts_.unknown : counts_.refused_calls);
  if (it == writer.open.end()) return;
  --it->second.calls;
  it->second.maybe = it->second.maybe || absl::IsUnknown(result.status());
  // A leader that says "out of order" knows all that was stored before it was asked.
  if (absl::IsInvalidArgument(result.status()) && call.stored) {
    Violate("a batch that was stored is called out of order");
  }
  // Every call said "certainly not stored": it is not stored.
  bool surely_not = it->second.calls == 0 && !it->second.maybe;
  if (surely_not && truth_.Stored(it->second.batch.header)) {
    Violate("a batch was called not stored and is: " + result.status().ToString());
  }
}

void ModelWorld::LoseCalls(size_t node) {
  std::erase_if(calls_, [&](const auto& item) {
    const ClientCall& call = item.second;
    if (call.node != node) return false;
    if (call.kind == ClientCall::Kind::kAppend) {
      auto it = writers_[call.writer].open.find(call.first);
      if (it != writers_[call.writer].open.end()) {
        --it->second.calls;
        it->second.maybe = true;
      }
    }
    return true;
  });
}

}  // namespace vlog::loglets::paxos
