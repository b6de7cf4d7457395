#include "base/strmap.h"

#include <string.h>

#include "base/mem.h"

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261U;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619U;
	return h ^ (h >> 15);
}

static size_t probe(const struct strmap *m, const char *key)
{
	size_t i = hash(key) & (m->n_slots - 1);

	while (m->slots[i] && strcmp(m->entries[m->slots[i] - 1].key, key) != 0)
		i = (i + 1) & (m->n_slots - 1);
	return i;
}

void *strmap_find(const struct strmap *m, const char *key)
{
	uint32_t slot;

	if (!m->n_slots)
		return NULL;
	slot = m->slots[probe(m, key)];
	return slot ? m->entries[slot - 1].value : NULL;
}

static void grow(struct strmap *m)
{
	m->n_slots = m->n_slots ? m->n_slots * 2 : 16;
	if (m->slots)
		(void)talloc_free(m->slots);
	m->slots = mem_zero(m->ctx, m->n_slots * sizeof(*m->slots));
	for (size_t i = 0; i < m->n; i++)
		m->slots[probe(m, m->entries[i].key)] = (uint32_t)i + 1;
}

void **strmap_slot(struct strmap *m, const char *key)
{
	size_t i;

	if (m->n * 2 >= m->n_slots)
		grow(m);
	i = probe(m, key);
	if (!m->slots[i]) {
		mem_room(m->ctx, &m->entries, &m->cap, m->n, sizeof(*m->entries));
		m->entries[m->n] = (struct strmap_entry){ .key = key };
		m->slots[i] = (uint32_t)++m->n;
	}
	return &m->entries[m->slots[i] - 1].value;
}
