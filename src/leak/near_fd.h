/* From an object to the open file or connection that it is about. */
#pragma once
#include "leak/fd_table.h"
#include "report/analysis.h"

/* The first one on the way from a slot, breadth first, over a few small objects (a net.TCPConn, a tls.Conn, a closure): no
 * container is looked into. NULL when there is none. */
const struct hb_open_fd *hb_near_fd(const struct hb_analysis *analysis, uint32_t slot, unsigned max_hops);
