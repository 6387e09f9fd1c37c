// The status of a cluster as text and as JSON.
#ifndef VLOG_TOOLS_VLOG_STATUS_TEXT_H_
#define VLOG_TOOLS_VLOG_STATUS_TEXT_H_

#include <string>

#include "client/cluster_view.h"

namespace vlog::cli {

// Whether the quorums live: a majority of the metastore's voters serves, and so many copies of each
// log's open segment as its write quorum has. Single nodes may be away.
bool QuorumsLive(const client::ClusterView& view);

std::string StatusTable(const client::ClusterView& view);
// One object; fields are added to it, never renamed.
std::string ClusterStatusJson(const client::ClusterView& view);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_STATUS_TEXT_H_
