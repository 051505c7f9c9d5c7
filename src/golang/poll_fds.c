#include "golang/poll_fds.h"
#include "golang/specials.h"

/* Where the fields are; from the type descriptors, which stripped programs have, too. */
struct shape {
	uint32_t type;                        /* 0: the program has none */
	uint64_t pointer;                     /* address of the descriptor of the pointer to it */
	uint64_t sysfd, poll_desc, connected; /* offsets; connected: UINT64_MAX none */
	uint64_t size;
	uint8_t kind;
};

struct reader {
	const struct hb_go *go;
	const struct hb_typing *typing;
	const struct hb_heap *heap;
	struct shape shapes[2];
	struct hb_poll_fds *ret;
};

/* --- Shapes ------------------------------------------------------------------------------------------------------- */

static bool find_shape(const struct hb_types *types, const char *name, const char *package, enum hb_poll_fd_kind kind,
                       struct shape *ret)
{
	uint32_t type = hb_types_by_name(types, name, package);
	const struct hb_field *pfd = type ? hb_types_field(types, &types->list[type], "pfd") : NULL;
	const struct hb_type *poll = pfd ? &types->list[pfd->type] : NULL;
	const struct hb_field *sysfd = poll ? hb_types_field(types, poll, "Sysfd") : NULL;
	const struct hb_field *pd = poll ? hb_types_field(types, poll, "pd") : NULL;
	const struct hb_field *connected = type ? hb_types_field(types, &types->list[type], "isConnected") : NULL;
	if (!sysfd || !pd || types->list[sysfd->type].size != 8 || types->list[pd->type].size != 8)
		return false;
	*ret = (struct shape){
	        .type = type,
	        .pointer = types->list[types->list[type].ptr_to].addr,
	        .sysfd = pfd->offset + sysfd->offset,
	        .poll_desc = pfd->offset + pd->offset,
	        .connected =
	                connected && types->list[connected->type].kind == HB_KIND_BOOL ? connected->offset : UINT64_MAX,
	        .size = types->list[type].size,
	        .kind = kind,
	};
	if (ret->pointer && ret->sysfd + 8 <= ret->size && ret->poll_desc + 8 <= ret->size &&
	    (ret->connected == UINT64_MAX || ret->connected < ret->size))
		return true;
	*ret = (struct shape){0};
	return false;
}

/* --- Objects ------------------------------------------------------------------------------------------------------ */

static struct hb_error *take(struct reader *reader, const struct shape *shape, const struct hb_span *span,
                             uint32_t slot)
{
	uint64_t addr = hb_heap_slot_addr(span, slot);
	if (span->elem_size < shape->size || !hb_heap_allocated(reader->heap, slot))
		return NULL;
	const uint8_t *bytes = hb_snapshot_at(reader->go->snapshot, addr, shape->size);
	int64_t fd = bytes ? (int64_t)hb_load_u64(bytes + shape->sysfd) : -1;
	if (fd >= 0)
		HB_VEC_PUSH(&reader->ret->list,
		            (struct hb_poll_fd){.fd = fd,
		                                .slot = slot,
		                                .addr = addr,
		                                .poll_desc = hb_load_u64(bytes + shape->poll_desc),
		                                .sysfd = (uint32_t)shape->sysfd,
		                                .kind = shape->kind,
		                                .outgoing = shape->connected != UINT64_MAX && bytes[shape->connected]});
	return NULL;
}

static struct hb_error *take_finalizer(struct reader *reader, const struct hb_span *span, const struct hb_specials *at)
{
	uint64_t type;
	uint32_t slot = hb_specials_slot(at, span);
	if (at->kind != reader->go->layout->kinds.finalizer || !slot ||
	    !hb_snapshot_u64(reader->go->snapshot, at->addr + reader->go->layout->special_finalizer.ot, &type))
		return NULL;
	for (size_t i = 0; i < hb_countof(reader->shapes); i++)
		if (reader->shapes[i].type && reader->shapes[i].pointer == type)
			TRY(take(reader, &reader->shapes[i], span, slot));
	return NULL;
}

/* A connection that is being made has no finalizer yet. */
static struct hb_error *take_typed(struct reader *reader, const struct hb_span *span)
{
	for (size_t i = 0; i < hb_countof(reader->shapes); i++) {
		const struct shape *shape = &reader->shapes[i];
		if (!shape->type || span->elem_size < shape->size || span->elem_size > shape->size + shape->size / 4)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			if (reader->typing->type_of[slot] == shape->type)
				TRY(take(reader, shape, span, slot));
	}
	return NULL;
}

static int by_fd(const void *a, const void *b)
{
	const struct hb_poll_fd *x = a, *y = b;
	if (x->fd != y->fd)
		return x->fd < y->fd ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static void drop_duplicates(struct hb_poll_fds *fds)
{
	size_t kept = 0;
	if (fds->list.len)
		qsort(fds->list.data, fds->list.len, sizeof(*fds->list.data), by_fd);
	for (size_t i = 0; i < fds->list.len; i++)
		if (!kept || by_fd(&fds->list.data[kept - 1], &fds->list.data[i]) != 0)
			fds->list.data[kept++] = fds->list.data[i];
	fds->list.len = kept;
}

static int by_slot(const void *a, const void *b, void *list)
{
	const struct hb_poll_fd *fds = list;
	uint32_t x = fds[*(const uint32_t *)a].slot, y = fds[*(const uint32_t *)b].slot;
	return (x > y) - (x < y);
}

static struct hb_error *index_by_slot(struct hb_poll_fds *fds)
{
	for (size_t i = 0; i < fds->list.len; i++)
		HB_VEC_PUSH(&fds->by_slot, (uint32_t)i);
	if (fds->by_slot.len)
		qsort_r(fds->by_slot.data, fds->by_slot.len, sizeof(*fds->by_slot.data), by_slot, fds->list.data);
	return NULL;
}

const struct hb_poll_fd *hb_poll_fds_of_slot(const struct hb_poll_fds *fds, uint32_t slot)
{
	size_t at = hb_partition_point(fds->by_slot.len, i, fds->list.data[fds->by_slot.data[i]].slot < slot);
	const struct hb_poll_fd *fd = at < fds->by_slot.len ? &fds->list.data[fds->by_slot.data[at]] : NULL;
	return fd && fd->slot == slot ? fd : NULL;
}

struct hb_error *hb_poll_fds_read(const struct hb_go *go, const struct hb_typing *typing, struct hb_poll_fds *ret)
{
	struct reader reader = {.go = go, .typing = typing, .heap = typing->heap, .ret = ret};
	bool files = find_shape(typing->types, "os.file", "os", HB_POLL_FILE, &reader.shapes[0]);
	bool connections = find_shape(typing->types, "net.netFD", "net", HB_POLL_CONNECTION, &reader.shapes[1]);
	struct hb_specials specials = hb_specials(go);
	for (uint32_t i = 0; (files || connections) && i < reader.heap->nspans; i++) {
		const struct hb_span *span = &reader.heap->spans[i];
		if (span->kind == HB_SPAN_NOSCAN)
			continue;
		for (hb_specials_start(&specials, span); hb_specials_next(&specials);)
			TRY(take_finalizer(&reader, span, &specials));
		TRY(take_typed(&reader, span));
	}
	drop_duplicates(ret);
	return index_by_slot(ret);
}

void hb_poll_fds_deinit(struct hb_poll_fds *fds)
{
	hb_vec_deinit(&fds->list);
	hb_vec_deinit(&fds->by_slot);
}
