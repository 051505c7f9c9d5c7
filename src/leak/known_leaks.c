/* Leaks that are known to be in a library, as it was shown on a real program; users of the library can do nothing about them, so
 * they are suppressed in every report. In the form of a file of suppressions:
 *
 *   [[suppress]]
 *   function = "example.org/library.(*Pool).run"
 *   reason = "library v1.2 and older: https://example.org/library/issues/1"
 *
 * There is none yet: nats-server, caddy, etcd and esbuild have no finding (tests/e2e/servers.py, shipped.py).
 */
#include "leak/suppressions.h"

const char hb_known_leaks[] = "";
