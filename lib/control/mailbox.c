/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/control.h"

void ctl_mailbox_order(struct ctl_mailbox *box, enum ctl_order order)
{
	if (order > box->order)
		__atomic_store_n(&box->order, order, __ATOMIC_RELEASE);
}

enum ctl_order ctl_mailbox_read(const struct ctl_mailbox *box)
{
	return (enum ctl_order)__atomic_load_n(&box->order, __ATOMIC_ACQUIRE);
}

void ctl_mailbox_announce(struct ctl_mailbox *box)
{
	__atomic_store_n(&box->announces, box->announces + 1, __ATOMIC_RELEASE);
}

bool ctl_mailbox_announce_due(const struct ctl_mailbox *box, uint32_t *seen)
{
	uint32_t wanted = __atomic_load_n(&box->announces, __ATOMIC_ACQUIRE);
	if (wanted == *seen)
		return false;
	*seen = wanted;
	return true;
}

static const struct {
	const char *name, *help;
} counters[CTL_WCTR_MAX] = {
#define X(id, name, help) [CTL_WCTR_##id] = {name, help},
	CTL_WORKER_COUNTERS(X)
#undef X
};

const char *ctl_worker_counter_name(enum ctl_worker_counter c)
{
	return counters[c].name;
}

const char *ctl_worker_counter_help(enum ctl_worker_counter c)
{
	return counters[c].help;
}
