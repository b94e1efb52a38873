/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each worker has one ring for log lines and one for access records, single producer and single
 * consumer: two workers never share a cache line here. The thread looks at the rings 50 times a
 * second instead of being woken: a wake-up would be a system call on the packet path.
 */
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "control/output.h"

#define WRITER_PAUSE_NS   (20 * 1000000L)
#define WRITER_STOP_LIMIT LG_SEC(1)
#define WRITER_COMPLAINTS LG_SEC(10) /* at most one line in this time about the same loss */
#define LOG_BUFFER        (64 * 1024)
#define ACCESS_BUFFER     (256 * 1024)

struct log_slot {
	uint32_t len;
	char text[CTL_LOG_LINE];
};

_Static_assert(sizeof(struct log_slot) % 4 == 0, "rte_ring moves elements in words");
_Static_assert(sizeof(struct proxy_access) % 4 == 0, "rte_ring moves elements in words");

/* What was lost up to the last line about it. */
struct losses {
	uint64_t log, access, bytes;
	lg_us said;
};

struct ctl_writer {
	struct ctl_writer_params p;
	struct rte_ring **log_rings, **access_rings; /* one per worker */
	struct ctl_output log, access;
	int access_fd; /* own file, or -1 for stdout */
	struct losses losses;
	uint64_t unformatted; /* access lines that didn't fit CTL_ACCESS_LINE_MAX */
	pthread_t thread;
	uint32_t stop, reopen; /* written by the main thread */
};

/* Where this thread's log lines go: its ring, the writer's own buffer, or (neither) stderr. */
static __thread struct {
	struct rte_ring *ring;
	struct ctl_worker_stats *stats;
	struct ctl_output *own;
} log_port;

/* ---- producers --------------------------------------------------------------------------------
 */

static uint64_t wall_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Puts time and line into out (CTL_LOG_LINE bytes) with a newline. Returns the length. */
static size_t stamp_line(char *out, const char *line, unsigned len)
{
	ctl_time_format(wall_us(), out);
	size_t n = CTL_TIME_LEN - 1;
	out[n++] = ' ';
	len = LG_MIN(len, (unsigned)(CTL_LOG_LINE - n - 1));
	memcpy(out + n, line, len);
	n += len;
	out[n++] = '\n';
	return n;
}

static void log_to_buffer(struct ctl_output *o, const char *line, unsigned len)
{
	char *at = ctl_output_reserve(o, CTL_LOG_LINE);
	if (at != NULL)
		ctl_output_commit(o, stamp_line(at, line, len));
}

static void log_sink(enum lg_log_level level, const char *line, unsigned len)
{
	(void)level;
	if (log_port.own != NULL) {
		log_to_buffer(log_port.own, line, len);
		return;
	}
	struct log_slot slot;
	slot.len = (uint32_t)stamp_line(slot.text, line, len);
	if (log_port.ring != NULL) {
		if (rte_ring_sp_enqueue_elem(log_port.ring, &slot, sizeof(slot)) != 0)
			ctl_add(log_port.stats, CTL_WCTR_DROP_LOG_FULL, 1);
		return;
	}
	/* There is nobody left to tell when stderr fails. */
	ssize_t done = write(STDERR_FILENO, slot.text, slot.len);
	(void)done;
}

void ctl_log_init(void)
{
	lg_log_set_sink(log_sink);
}

void ctl_writer_attach(struct ctl_writer *w, unsigned worker)
{
	LG_ASSERT(worker < w->p.n_workers);
	log_port.stats = w->p.stats[worker];
	log_port.ring = w->log_rings[worker];
}

void ctl_writer_detach(void)
{
	log_port.ring = NULL;
	log_port.stats = NULL;
}

void ctl_access_put(void *ctx, const struct proxy_access *rec)
{
	const struct ctl_access_port *port = ctx;
	struct ctl_writer *w = port->writer;
	if (rte_ring_sp_enqueue_elem(
		    w->access_rings[port->worker], (void *)(uintptr_t)rec, sizeof(*rec)) != 0)
		ctl_add(w->p.stats[port->worker], CTL_WCTR_DROP_ACCESS_FULL, 1);
}

/* ---- the thread -------------------------------------------------------------------------------
 */

static unsigned drain_log(struct ctl_writer *w, struct rte_ring *ring)
{
	unsigned n = 0;
	char *at;
	while ((at = ctl_output_reserve(&w->log, CTL_LOG_LINE)) != NULL) {
		struct log_slot slot;
		if (rte_ring_sc_dequeue_elem(ring, &slot, sizeof(slot)) != 0)
			break;
		memcpy(at, slot.text, slot.len);
		ctl_output_commit(&w->log, slot.len);
		n++;
	}
	return n;
}

static unsigned drain_access(struct ctl_writer *w, struct rte_ring *ring)
{
	unsigned n = 0;
	lg_us now = w->p.now();
	uint64_t wall = wall_us();
	char *at;
	while ((at = ctl_output_reserve(&w->access, CTL_ACCESS_LINE_MAX)) != NULL) {
		struct proxy_access rec;
		if (rte_ring_sc_dequeue_elem(ring, &rec, sizeof(rec)) != 0)
			break;
		uint64_t started = wall - (now > rec.start ? now - rec.start : 0);
		size_t len = ctl_access_format(w->p.conf, &rec, started, at, CTL_ACCESS_LINE_MAX);
		ctl_output_commit(&w->access, len);
		w->unformatted += len == 0;
		n++;
	}
	return n;
}

static uint64_t sum(const struct ctl_writer *w, enum ctl_worker_counter c)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < w->p.n_workers; i++)
		total += ctl_load(&w->p.stats[i]->c[c]);
	return total;
}

/* Says what was lost since the last time, soon but not again and again. */
static void report_losses(struct ctl_writer *w)
{
	struct losses *seen = &w->losses;
	uint64_t log = sum(w, CTL_WCTR_DROP_LOG_FULL);
	uint64_t access = sum(w, CTL_WCTR_DROP_ACCESS_FULL) + w->unformatted;
	uint64_t bytes = w->access.lost;
	lg_us now = w->p.now();
	if (seen->said != 0 && now - seen->said < WRITER_COMPLAINTS)
		return;
	if (log == seen->log && access == seen->access && bytes == seen->bytes)
		return;
	if (log != seen->log)
		lg_log(LG_WARN, "log",
			"%llu lines of the workers were dropped: standard error is too slow",
			(unsigned long long)(log - seen->log));
	if (access != seen->access)
		lg_log(LG_WARN, "access",
			"%llu access lines were dropped: %s can't keep up: write to a faster disk "
			"or "
			"reader, or set log.access to false",
			(unsigned long long)(access - seen->access),
			w->access_fd >= 0 ? w->p.conf->log.access_file : "standard output");
	if (bytes != seen->bytes)
		lg_log(LG_WARN, "access", "%llu bytes of access lines were lost: %s",
			(unsigned long long)(bytes - seen->bytes), strerror(w->access.error));
	*seen = (struct losses){log, access, bytes, now};
}

static int open_access(const struct conf *conf)
{
	return open(
		conf->log.access_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

static void reopen_access(struct ctl_writer *w)
{
	if (!__atomic_exchange_n(&w->reopen, 0, __ATOMIC_ACQUIRE) || w->access_fd < 0)
		return;
	int fd = open_access(w->p.conf);
	if (fd < 0) {
		lg_log(LG_WARN, "access", "cannot open %s anew: %s: the old file is kept",
			w->p.conf->log.access_file, strerror(errno));
		return;
	}
	close(w->access_fd);
	w->access_fd = fd;
	ctl_output_set_fd(&w->access, fd);
	lg_log(LG_INFO, "access", "%s opened anew", w->p.conf->log.access_file);
}

/* One look at everything. True when there may be more to do at once. */
static bool turn(struct ctl_writer *w)
{
	unsigned moved = 0;
	for (unsigned i = 0; i < w->p.n_workers; i++)
		moved += drain_log(w, w->log_rings[i]) + drain_access(w, w->access_rings[i]);
	report_losses(w);
	bool idle = ctl_output_flush(&w->access);
	idle &= ctl_output_flush(&w->log);
	return moved > 0 && idle;
}

static void pause_writer(void)
{
	struct timespec pause = {.tv_nsec = WRITER_PAUSE_NS};
	nanosleep(&pause, NULL);
}

static bool rings_empty(const struct ctl_writer *w)
{
	for (unsigned i = 0; i < w->p.n_workers; i++) {
		if (!rte_ring_empty(w->log_rings[i]) || !rte_ring_empty(w->access_rings[i]))
			return false;
	}
	return true;
}

static void *writer_main(void *arg)
{
	struct ctl_writer *w = arg;
	log_port.own = &w->log;
	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		reopen_access(w);
		if (!turn(w))
			pause_writer();
	}
	lg_us limit = w->p.now() + WRITER_STOP_LIMIT;
	w->losses.said = 0;
	while (turn(w) || w->log.used > 0 || w->access.used > 0 || !rings_empty(w)) {
		if (w->p.now() > limit)
			break;
		if (w->log.used > 0 || w->access.used > 0)
			pause_writer();
	}
	return NULL;
}

/* ---- start and stop ---------------------------------------------------------------------------
 */

static struct rte_ring *make_ring(const char *what, unsigned worker, unsigned esize, unsigned slots)
{
	char name[RTE_RING_NAMESIZE];
	snprintf(name, sizeof(name), "lg_%s_%u", what, worker);
	return rte_ring_create_elem(
		name, esize, rte_align32pow2(slots), SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int make_rings(struct ctl_writer *w)
{
	w->log_rings = calloc(w->p.n_workers, sizeof(*w->log_rings));
	w->access_rings = calloc(w->p.n_workers, sizeof(*w->access_rings));
	if (w->log_rings == NULL || w->access_rings == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < w->p.n_workers; i++) {
		w->log_rings[i] = make_ring("log", i, sizeof(struct log_slot), w->p.log_slots);
		w->access_rings[i] = make_ring(
			"access", i, sizeof(struct proxy_access), w->p.access_slots);
		if (w->log_rings[i] == NULL || w->access_rings[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void writer_free(struct ctl_writer *w)
{
	for (unsigned i = 0; i < w->p.n_workers; i++) {
		if (w->log_rings != NULL)
			rte_ring_free(w->log_rings[i]);
		if (w->access_rings != NULL)
			rte_ring_free(w->access_rings[i]);
	}
	free(w->log_rings);
	free(w->access_rings);
	ctl_output_free(&w->log);
	ctl_output_free(&w->access);
	if (w->access_fd >= 0)
		close(w->access_fd);
	free(w);
}

static int open_outputs(struct ctl_writer *w, char *err, size_t errlen)
{
	const struct conf *conf = w->p.conf;
	w->access_fd = -1;
	if (conf->log.access && conf->log.access_file != NULL) {
		w->access_fd = open_access(conf);
		if (w->access_fd < 0) {
			snprintf(err, errlen, "cannot open the access log %s: %s",
				conf->log.access_file, strerror(errno));
			return -errno;
		}
	}
	int fd = w->access_fd >= 0 ? w->access_fd : STDOUT_FILENO;
	if (ctl_output_init(&w->access, fd, ACCESS_BUFFER) == 0 &&
		ctl_output_init(&w->log, STDERR_FILENO, LOG_BUFFER) == 0)
		return 0;
	snprintf(err, errlen, "no memory for the log buffers");
	return -ENOMEM;
}

static void bind_thread(const struct ctl_writer *w)
{
	if (w->p.cpu < 0)
		return;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((unsigned)w->p.cpu, &set);
	/* Only a wish: on another CPU it does the same work. */
	(void)pthread_setaffinity_np(w->thread, sizeof(set), &set);
}

struct ctl_writer *ctl_writer_start(const struct ctl_writer_params *p, char *err, size_t errlen)
{
	struct ctl_writer *w = calloc(1, sizeof(*w));
	if (w == NULL) {
		snprintf(err, errlen, "no memory for the log writer");
		return NULL;
	}
	w->p = *p;
	if (open_outputs(w, err, errlen) != 0) {
		writer_free(w);
		return NULL;
	}
	if (make_rings(w) != 0) {
		snprintf(err, errlen, "no memory for the rings of the log writer");
		writer_free(w);
		return NULL;
	}
	int rc = pthread_create(&w->thread, NULL, writer_main, w);
	if (rc != 0) {
		snprintf(err, errlen, "cannot start the log writer thread: %s", strerror(rc));
		writer_free(w);
		return NULL;
	}
	bind_thread(w);
	pthread_setname_np(w->thread, "lg-writer");
	return w;
}

void ctl_writer_reopen(struct ctl_writer *w)
{
	__atomic_store_n(&w->reopen, 1, __ATOMIC_RELEASE);
}

void ctl_writer_stop(struct ctl_writer *w)
{
	if (w == NULL)
		return;
	__atomic_store_n(&w->stop, 1, __ATOMIC_RELEASE);
	pthread_join(w->thread, NULL);
	writer_free(w);
}
