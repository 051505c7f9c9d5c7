/* The tables of sockets of a process's network namespace, joined to its descriptors by inode.
 *
 * net/ipv4/tcp_ipv4.c tcp4_seq_show and its like. The tables list the sockets of everybody in the namespace: only lines
 * whose inode the process holds are looked at. Names of unix sockets are whatever somebody chose, so that nothing behind
 * the inode is read there.
 */
#include "target/fds.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct by_inode {
	uint64_t inode;
	size_t index;
};

struct sockets {
	struct hb_fds *fds;
	HB_VEC(struct by_inode) index; /* sorted */
};

static int compare(const void *a, const void *b)
{
	const struct by_inode *x = a, *y = b;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static struct hb_error *make_index(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->fds->list.len; i++)
		if (sockets->fds->list.data[i].kind == HB_FD_SOCKET)
			HB_VEC_PUSH(&sockets->index, (struct by_inode){sockets->fds->list.data[i].inode, i});
	if (sockets->index.len)
		qsort(sockets->index.data, sockets->index.len, sizeof(*sockets->index.data), compare);
	return NULL;
}

/* The first descriptor with that inode in the index; duplicates follow it. */
static size_t first_of(const struct sockets *sockets, uint64_t inode)
{
	return hb_partition_point(sockets->index.len, i, sockets->index.data[i].inode < inode);
}

/* "0100007F:1F90", or 32 digits: words of four bytes as the processor has them. */
static const char *format_address(struct hb_arena *arena, const char *text)
{
	uint32_t words[4] = {0};
	unsigned port;
	char address[INET6_ADDRSTRLEN];
	if (strlen(text) > 13) {
		static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
		if (sscanf(text, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 ":%x", &words[0], &words[1], &words[2],
		           &words[3], &port) != 5)
			return "";
		if (!memcmp(words, mapped, sizeof(mapped))) {
			inet_ntop(AF_INET, &words[3], address, sizeof(address));
			return hb_arena_printf(arena, "%s:%u", address, port & 0xffff);
		}
		inet_ntop(AF_INET6, words, address, sizeof(address));
		return hb_arena_printf(arena, "[%s]:%u", address, port & 0xffff);
	}
	if (sscanf(text, "%8" SCNx32 ":%x", &words[0], &port) != 2)
		return "";
	inet_ntop(AF_INET, words, address, sizeof(address));
	return hb_arena_printf(arena, "%s:%u", address, port & 0xffff);
}

/* "  12: 0100007F:1F90 0100007F:D2A4 08 00000000:00000001 00:00000000 00000000  1000        0 41712 1 …" */
static struct hb_error *take_ip(struct sockets *sockets, const char *line, enum hb_socket_protocol protocol)
{
	char local[48], peer[48];
	unsigned state;
	uint32_t unsent, unread;
	uint64_t inode;
	if (sscanf(line, "%*u: %47s %47s %x %" SCNx32 ":%" SCNx32 " %*x:%*x %*x %*u %*u %" SCNu64, local, peer, &state,
	           &unsent, &unread, &inode) != 6)
		return NULL;
	for (size_t i = first_of(sockets, inode); i < sockets->index.len && sockets->index.data[i].inode == inode;
	     i++) {
		struct hb_fd *fd = &sockets->fds->list.data[sockets->index.data[i].index];
		fd->protocol = protocol;
		fd->state = (uint8_t)state;
		fd->unsent = unsent;
		fd->unread = unread;
		fd->local = format_address(&sockets->fds->arena, local);
		fd->peer = format_address(&sockets->fds->arena, peer);
		if (!fd->local || !fd->peer)
			return hb_error_nomem();
	}
	return NULL;
}

/* "ffff8881: 00000002 00000000 00010000 0001 01 41713 /run/x.sock" */
static struct hb_error *take_unix(struct sockets *sockets, const char *line, enum hb_socket_protocol protocol)
{
	uint64_t inode;
	if (sscanf(line, "%*x: %*x %*x %*x %*x %*x %" SCNu64, &inode) != 1)
		return NULL;
	for (size_t i = first_of(sockets, inode); i < sockets->index.len && sockets->index.data[i].inode == inode; i++)
		sockets->fds->list.data[sockets->index.data[i].index].protocol = protocol;
	return NULL;
}

static struct hb_error *read_table(struct sockets *sockets, int pid, const char *name, bool ip,
                                   enum hb_socket_protocol protocol)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, name);
	FILE *file = fopen(path, "re");
	hb_autofree char *line = NULL;
	size_t capacity = 0;
	struct hb_error *err = NULL;
	while (file && !err && getline(&line, &capacity, file) > 0)
		err = ip ? take_ip(sockets, line, protocol) : take_unix(sockets, line, protocol);
	if (file)
		fclose(file);
	return err;
}

static struct hb_error *read_tables(struct sockets *sockets, int pid)
{
	static const struct {
		const char *name;
		bool ip;
		enum hb_socket_protocol protocol;
	} tables[] = {
	        {"unix", false, HB_SOCKET_UNIX}, {"tcp", true, HB_SOCKET_TCP},  {"tcp6", true, HB_SOCKET_TCP},
	        {"udp", true, HB_SOCKET_UDP},    {"udp6", true, HB_SOCKET_UDP},
	};
	TRY(make_index(sockets));
	for (size_t i = 0; i < hb_countof(tables) && sockets->index.len; i++)
		TRY(read_table(sockets, pid, tables[i].name, tables[i].ip, tables[i].protocol));
	return NULL;
}

struct hb_error *hb_fds_add_sockets(int pid, struct hb_fds *fds)
{
	struct sockets sockets = {.fds = fds};
	struct hb_error *err = read_tables(&sockets, pid);
	hb_vec_deinit(&sockets.index);
	return err;
}
