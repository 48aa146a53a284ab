/* What both protocols have in common: see memory.h. */
#include "memory.h"

const struct memory *memory_of(const struct core_record *r)
{
	switch (r->kind) {
	case CORE_KIND_QB_SHM: return &qbring;
	case CORE_KIND_COROIPC: return &coroipc;
	}
	return NULL;
}

size_t memory_put(char *ring, size_t size, size_t at, const void *from, size_t n)
{
	size_t first = n < size - at ? n : size - at;

	if (n == 0)
		return at;
	memcpy(ring + at, from, first);
	memcpy(ring, (const char *)from + first, n - first);
	return at + n < size ? at + n : at + n - size;
}

void message_copy(const struct message *m, uint32_t offset, void *to, uint32_t n)
{
	size_t at = (m->at + offset) % m->size;
	size_t first = n < m->size - at ? n : m->size - at;

	memcpy(to, m->memory + at, first);
	memcpy((char *)to + first, m->memory, n - first);
}

void message_addresses(const struct message *m, uint64_t offset, struct cpg_address *to, uint64_t n)
{
	unsigned char address[WIRE_ADDRESS];
	uint64_t i;

	for (i = 0; i < n; i++) {
		message_copy(m, (uint32_t)(offset + i * WIRE_ADDRESS), address, sizeof(address));
		to[i].nodeid = get32(address, 0);
		to[i].pid = get32(address, 8);
		to[i].reason = get32(address, 16);
	}
}
